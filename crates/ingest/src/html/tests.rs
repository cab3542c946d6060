use super::*;

fn compare(cases: &[(&str, &str)]) {
    let read = cases.iter().map(|(html, text)| (*html, text_of(html).text, *text));
    let wrong: Vec<_> = read.filter(|(_, text, expected)| text != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_page_reads_as_a_browser_shows_it() {
    let cases = [
        // Words, spaces, entities.
        ("a  b\n\tc", "a b c"),
        ("<b>a</b> <i>b</i>c", "a bc"),
        (
            "a&nbsp;b&amp;c &lt;d&gt; &eacute;&#8364;&#x41; &unknown; AT&T &copy",
            "a b&c <d> é€A &unknown; AT&T ©",
        ),
        ("super&shy;market", "supermarket"),
        ("a<br>b<br/>c<br><br>d", "a\nb\nc\n\nd"),
        ("<p>a</p><br><p>b", "a\n\nb"),
        ("<div>a<div>b</div>c</div>d", "a\nb\nc\nd"),
        ("<p>a<p>b<h2>c</h2>d", "a\n\nb\n\nc\n\nd"),
        ("<p>a <span> b </span> c</p>", "a b c"),
        ("a<hr>b", "a\n\nb"),
        ("say <q>yes</q>", "say \"yes\""),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"),
        ("<button>OK</button><button>No</button>", "OK No"),
        (
            "2<sup>8</sup>-1 m<sup> -2 </sup> CO<sub>2</sub> 1<sup>st</sup> a<sup><a>[1]</a></sup> x<sup></sup>",
            "2⁸-1 m ⁻² CO₂ 1st a[1] x",
        ),
        ("<img alt='A chart'> <img alt=''> <img src=x>", "A chart"),
        (
            "Name <input value=Ann> <input type=hidden value=x> <input type=checkbox checked>yes",
            "Name Ann [x] yes",
        ),
        (
            "<a href='mailto:a@b.org?subject=x'>write</a>, <a href='mailto:a@b.org'>a@b.org</a>, <a href='/x'>x</a>",
            "write (a@b.org), a@b.org, x",
        ),
        // Not shown.
        ("a<script>var x = '<p>b</p>';</script>c<style>p{}</style>", "ac"),
        ("<title>t</title><!-- b --><noscript>on!</noscript>a", "a"),
        ("a<div hidden>b<div>c</div>d</div>e", "ae"),
        ("a<span style='color:red; display : none'>b<span>c</span>d</span>e", "ae"),
        ("<p style=display:none>a<p>b", "b"),
        ("a<template><p>b</template>c<dialog>d</dialog><dialog open>e</dialog>", "ac\ne"),
        ("<x-app hidden>a<x-b>b</x-b>c</x-app>d", "d"),
        ("<nav>Home <a href=/>x</a></nav><p>text", "text"),
        ("<nav>only this</nav>", "only this"),
        ("<nav>never <p>ends", "never\n\nends"),
        ("<svg><title>t</title><desc>d</desc><text>axis</text><text>label</text></svg>", "axis label"),
        ("<svg><path d=''/><g/></svg>a", "a"),
        // What is not seen takes room; something in it may be seen.
        ("<p style='backface-visibility:hidden'>a</p>", "a"),
        ("<div style='visibility:hidden'>a<span style='visibility:visible'>b</span>c</div>d", "b\nd"),
        ("<p style='visibility:hidden'>a<img alt=b><q>c</q><a href=mailto:d>e</a></p>f", "f"),
        ("<x-a style='visibility:collapse'>a<x-b style='visibility: visible !important'>b</x-b></x-a>", "b"),
        ("<div hidden style='display:block'>a</div><div style='display:none;display:inline'>b</div>", "a\nb"),
        ("<div style='display:none'>a<b style='display:block;visibility:visible'>b</b></div>c", "c"),
        (
            "<table><tr><td>a<td style='visibility:hidden'>b<td>c<tr><td>d<td>e<td>f</table>",
            "a | | c\nd | e | f",
        ),
        // Raised by tags and by styles.
        ("10<sup>-</sup><sup>3</sup> 10<sup>6.5</sup> 10<sup>k</sup>", "10⁻³ 10^(6.5) 10^k"),
        ("10<span style='vertical-align: super; font-size:60%'>6</span>", "10⁶"),
        ("CO<x-y style='vertical-align:sub'>2</x-y> <td style='vertical-align:top'>4", "CO₂ 4"),
        ("<math><mi>x</mi><annotation>\\x</annotation></math>", "x"),
        // Space that is kept.
        ("<pre>\n  a\n    b\n</pre>c", "  a\n    b\n\nc"),
        ("<p>x</p><pre>a  <b>b</b>\nc</pre><p>d", "x\n\na  b\nc\n\nd"),
        ("<div style='white-space: pre-wrap'>a  b</div>", "a  b"),
        ("<textarea>\na\n b</textarea>", "a\n b"),
        // Lists.
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e", "- a\n- b\n  - c\n- d\n\ne"),
        ("<ol start=3><li>a<li value=7>b<li><p>c</p><p>d</p></ol>", "3. a\n7. b\n\n8. c\n\nd"),
        ("<ol type=a><li>x<li>y</ol><ol type=I><li>z</ol>", "a. x\nb. y\n\nI. z"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\n  b\nc\n  d"),
        ("<ul><li></li><li>a</li></ul><li>b", "- a\n\n- b"),
        // Broken markup.
        ("<b>a<p>b</b>c</p>d", "a\n\nbc\n\nd"),
        ("a</div></p></table>b</b></", "a\n\nb</"),
        ("<div><p>a</div>b", "a\n\nb"),
        ("<div>a</span>b", "ab"),
        ("a < b and c > d", "a < b and c > d"),
        ("<p>a<unknown x='>'>b</unknown>", "ab"),
        ("<p title='a>b'>c", "c"),
        ("a<!-- never ends", "a"),
        ("a<td>b</td><tr>c", "abc"),
        ("", ""),
        // Empty elements of XHTML, and the same in HTML.
        (
            "<?xml version='1.0'?><html><head><title/><script src='x'/></head><body><p/>a<![CDATA[ < b]]></body></html>",
            "a < b",
        ),
        ("<title/>a", ""),
        ("<html xmlns='http://www.w3.org/1999/xhtml'><div hidden='hidden'/><a id='x'/>a<br></br>b", "a\nb"),
    ];
    compare(&cases);
}

#[test]
fn equations_are_lines() {
    let cases = [
        ("<mfrac><mn>1</mn><mn>2</mn></mfrac>", "1/2"),
        ("<mn>2</mn><mfrac><mn>1</mn><mn>2</mn></mfrac><mi>x</mi>", "2 1/2 x"),
        ("<msup><mn>10</mn><mn>6</mn></msup><mi>m</mi>", "10^6 m"),
        ("<msup><mn>10</mn><mrow><mo>-</mo><mn>3</mn></mrow></msup>", "10^(-3)"),
        ("<msqrt><mn>9</mn></msqrt><mo>=</mo><mn>3</mn>", "√(9)=3"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "√[3](x)"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        (
            "<munderover><mo>&sum;</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi>",
            "∑_(i=1)^n i",
        ),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", "x\u{304}"),
        ("<mn>2</mn><mo>&#x2062;</mo><mi>x</mi><mi>y</mi>", "2xy"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "sin x"),
        (
            "<mfenced open='[' close=']' separators=';|'><mi>a</mi><mi>b</mi><mi>c</mi><mi>d</mi></mfenced>",
            "[a;b|c|d]",
        ),
        ("<mfrac linethickness='0'><mn>5</mn><mn>2</mn></mfrac>", "[5; 2]"),
        (
            "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable>",
            "[1, 0; 0, 1]",
        ),
        (
            "<mmultiscripts><mi>C</mi><mn>1</mn><none/><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>",
            "_6^14C_1",
        ),
        (
            "<semantics><msup><mi>e</mi><mi>x</mi></msup><annotation encoding='tex'>e^{x}</annotation></semantics>",
            "e^x",
        ),
        ("<mstyle><mphantom><mn>0</mn></mphantom><mn>1</mn></mstyle>", "1"),
        ("<mrow><mfrac><mn>1</mn><mn>2", "1/2"),
    ];
    for (equation, line) in cases {
        assert_eq!(text_of(&format!("<p>a <math>{equation}</math>")).text, format!("a {line}"), "{equation}");
    }
    compare(&[
        ("2<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> km", "2 1/2 km"),
        ("<math><msup><mn>2</mn><mn>8</mn><p>after", "2^8\n\nafter"),
        ("<p hidden><math><mn>1</mn></math></p>a", "a"),
        ("<table><tr><td>a<td><math><mfrac><mn>1</mn><mn>2</mn></mfrac></math></table>", "a | 1/2"),
    ]);
}

#[test]
fn rows_of_tables_are_lines() {
    let cases = [
        (
            "<table><tr><th>Year<th>Sales<tr><td>2022<td>5<tr><td>2023<td>7</table>after",
            "Year | Sales\n2022 | 5\n2023 | 7\n\nafter",
        ),
        (
            "<table><caption>T</caption><thead><tr><td>a<td>b</thead><tbody><tr><td>c<td>d</table>",
            "T\na | b\nc | d",
        ),
        ("<table><td>a<td>b<tr><td>c<td>d</table>", "a | b\nc | d"),
        ("<table><tr><td><p>a</p><td>b<br>c<td><ul><li>d<li>e</ul></table>", "a | b c | - d - e"),
        ("<table><tr><td><p>a<td><p>b<tr><td><p>c<td><p>d</table>e", "a | b\nc | d\n\ne"),
        // Columns stay columns where a cell is empty.
        (
            "<table><tr><td><td>2023<td>2022<tr><td>Gain<td>&nbsp;<td>5<tr><td>Loss<td>7<td></table>",
            "| 2023 | 2022\nGain | | 5\nLoss | 7",
        ),
        ("<table><tr><td rowspan=2>a<td>b<tr><td>c<td>d</table>", "a | b\na | c | d"),
        ("<table><tr><td colspan=2>a<td>b<tr><td>c<td>d<td>e</table>", "a | | b\nc | d | e"),
        // Columns that are empty in each row are left out.
        ("<table><tr><td>a<td><td>b<tr><td>c<td><td>d</table>", "a | b\nc | d"),
        (
            "<table><tr><td>Sales<td>$<td>1,000<td><td>$<td>(20<td>)<tr><td>Costs<td colspan=2>7<td><td colspan=2>8<td></table>",
            "Sales | $1,000 | $(20)\nCosts | 7 | 8",
        ),
        // A statement as agencies publish them, with columns for signs and for space.
        (
            "<table><tr><td colspan=3></td><td colspan=3>2023</td><td colspan=3></td><td colspan=3>2022</td></tr>\
             <tr><td colspan=3>Products</td><td>$</td><td>298,085&#160;</td><td></td><td colspan=3></td>\
             <td>$</td><td>316,199&#160;</td><td></td></tr><tr><td colspan=3>Services</td><td colspan=2>85,200</td><td></td>\
             <td colspan=3></td><td colspan=2>(78,129</td><td>)</td></tr></table>",
            "| 2023 | 2022\nProducts | $298,085 | $316,199\nServices | 85,200 | (78,129)",
        ),
        (
            "<table><tr><th>Name<th>Val<th>X<tr><td>A<td><td><tr><td><td>2<td><tr><td><td><td>3</table>",
            "Name | Val | X\nA\n| 2\n| | 3",
        ),
        ("<table><tr><td>a<td>b<tr><td rowspan=2>c<td>1<tr><td>2</table>", "a | b\nc | 1\nc | 2"),
        (
            "<table><tr><td rowspan=3>2023<td rowspan=2>East<td>1<tr><td>2<tr><td>West<td>3</table>",
            "2023 | East | 1\n2023 | East | 2\n2023 | West | 3",
        ),
        ("<table><tr><td>&nbsp;<td>only</table>", "only"),
        ("<table><tr><td colspan=3>All of it<tr><td>a<td>b<td>c</table>", "All of it\na | b | c"),
        // Tables of layout.
        ("<table><tr><td><table><tr><td>a<td>b</table><td>menu</table>", "a | b\n\nmenu"),
        ("<table><tr><td>x<td>y<tr><td><table><tr><td>a<td>b</table></table>z", "x | y\n\na | b\n\nz"),
        ("<div><table><tr><td>a</div><td>b</table>", "a | b"),
        ("<table><tr hidden><td>x<td>y</tr><tr><td>a<td>b</table>", "a | b"),
        ("<table>lost<tr><td>a<td>b", "lost\na | b"),
    ];
    compare(&cases);
    let long = "word ".repeat(120);
    let layout = text_of(&format!("<table><tr><td><p>{long}<p>x<td>menu</table>"));
    assert_eq!(layout.text, format!("{}\n\nx\n\nmenu", long.trim()));
}

#[test]
fn headings_stand_where_they_begin() {
    let html = "<title>The  page</title><p>é</p><h1>One <b>two</b></h1><p>text</p><nav><h2>Menu</h2></nav>\
        <table><tr><td>a<td>b<tr><td>c<td><h3>In a row</h3></table><h2> </h2><ul><li><h2>Item</h2>x</ul><h4>Last";
    let HtmlText { text, headings, title, .. } = text_of(html);
    assert_eq!(title.as_deref(), Some("The page"));
    let characters: Vec<char> = text.chars().collect();
    let found: Vec<(String, &str)> = headings
        .iter()
        .map(|(offset, title)| (characters[*offset..].iter().take(3).collect(), title.as_str()))
        .collect();
    let expected = [("One", "One two"), ("c |", "In a row"), ("Ite", "Item"), ("Las", "Last")];
    assert_eq!(found, expected.map(|(text, title)| (text.to_owned(), title)), "{text}");
}

#[test]
fn a_page_begins_with_its_title() {
    let page = |html: &str| read(html.as_bytes().to_vec(), &Limits::default()).unwrap();
    let reading = page("<html><title>T</title><h1>A</h1>b");
    assert_eq!(reading.text, "T\n\nA\n\nb");
    assert_eq!(reading.places.at(3), Some(&Place::Heading("A".to_owned())));
    assert_eq!(page("<html><title>A</title><h1>A</h1>b").text, "A\n\nb");
}

/// Ten megabytes of each: what takes more than linear time takes hours here.
#[test]
fn time_is_linear() {
    let many = |part: &str, count: usize| part.repeat(count);
    let cases = [
        many("word &amp; <b>x</b> ", 500_000),
        many("<div>", 100_000) + &many("</span></b>", 100_000),
        many("<b><i>", 100_000) + &many("</b></div></td>", 100_000),
        many("<div><b>", 100_000) + &many("</b>", 100_000) + &many("</div>", 100_000),
        many("<table><tr><td>x", 100_000),
        many("<ul><li>x", 100_000),
        many("<table><tr><td colspan=999 rowspan=99999>x<td>y", 20_000),
        String::from("<table>") + &many("<tr><td>x<td colspan=60>y", 200_000),
        many("<nav>x", 100_000) + &many("</nav>", 100_000),
        many("<h1>x<table>", 100_000),
        many("<pre>\n\n\n", 100_000),
        many("&nbsp;", 1_000_000),
        many("<a href=mailto:x>y", 100_000),
        many("<", 1_000_000),
        many("<!--", 1_000_000),
        many("&", 1_000_000),
        many("<p hidden>", 100_000),
        many("<sup>1</sup>", 500_000),
        many("<sup><pre>\n\n\n", 100_000),
        String::from("<math>") + &many("<msqrt>x", 100_000),
        String::from("<math>") + &many("<msup><mi>x</mi><mn>2</mn></msup>", 100_000),
        many("<p style='visibility:hidden'>x", 100_000),
        format!("<p a{}>x", many(" style=x", 500_000)),
        (0..500_000).map(|number| format!("<x{number}>")).collect(),
    ];
    for html in cases {
        text_of(&html);
    }
}

#[test]
fn what_is_struck_out_is_marked() {
    compare(&[
        ("by <s>March</s> May", "by ~~March~~ May"),
        ("<del>4,120</del><ins>5</ins>", "~~4,120~~5"),
        ("<strike>a <b>b</b> c</strike>d", "~~a b c~~d"),
        ("<s>a</s> <s>b</s> c<s> d </s>e", "~~a b~~ c ~~d~~ e"),
        ("<p><span style='text-decoration: line-through 2px'>a<br>b</span>", "~~a~~\n~~b~~"),
        (
            "<i style='text-decoration-line:underline LINE-THROUGH'>a</i><u style='text-decoration:underline'>b</u>",
            "~~a~~b",
        ),
        ("<del><p>a</p><p>b <em>c</em></p></del><p>d", "~~a~~\n\n~~b c~~\n\nd"),
        (
            "<table><tr><td><s>a</s><td><s>b</s><td>c<tr style='text-decoration:line-through'><td>d<td>e<td></table>",
            "~~a~~ | ~~b~~ | c\n~~d~~ | ~~e~~",
        ),
        ("<s> </s>x<s></s>", "x"),
        ("<pre><s>a\n b</s></pre>", "~~a~~\n ~~b~~"),
        ("<h2><s>Old</s> New</h2>", "~~Old~~ New"),
    ]);
}
