//! What pages may hold, and how it is read.

use minions_documents::Place;

use crate::reading;
use crate::writer::{Writer, figure, lines, text, text_in};

fn page(content: &str) -> String {
    reading(Writer::of(&[content.to_owned()]).bytes()).text
}

#[test]
fn words_are_cut_by_space_and_joined_by_kerning() {
    let cases = [
        ("(plain) Tj", "plain"),
        ("[(k) 20 (er) -30 (ned)] TJ", "kerned"),
        ("[(two) -333 (words)] TJ", "two words"),
        ("[(nar) -250 (row)] TJ", "nar row"),
        ("2 Tc (spaced) Tj", "spaced"),
        ("(a) Tj 3 Ts 6 0 Td /F 6 Tf (2) Tj", "a²"),
        ("(10) Tj 4 Ts /F 6 Tf (-3) Tj 0 Ts /F 10 Tf ( mol) Tj", "10⁻³ mol"),
        ("(CO) Tj -2 Ts /F 6 Tf (2) Tj", "CO₂"),
        ("(fi) Tj (\\223quoted\\224) Tj", "fi“quoted”"),
        ("3 Tr (invisible) Tj", "invisible"),
        ("/Span <</ActualText (other)>> BDC (word) Tj EMC", "other"),
        ("/Span <</ActualText <FEFF00660069>>> BDC (x) Tj EMC (ne) Tj", "fine"),
        ("/Span <</ActualText ()>> BDC (x) Tj EMC", ""),
        ("50 Tz (narrow) Tj", "narrow"),
        ("(one) ' ", "one"),
    ];
    for (operators, read) in cases {
        let content = format!("BT /F 10 Tf 100 400 Td {operators} ET");
        assert_eq!(page(&content).trim_end(), read, "{operators}");
    }
}

#[test]
fn columns_are_read_in_order_and_cut_words_healed() {
    let left = [
        "The river rose in the night and",
        "nobody heard it come, as the",
        "wind was louder than water. In",
        "the morning the bridge was gone",
        "with all its lamps, and people",
        "stood on both banks and called",
        "their names across the wide riv-",
        "er until evening came to them,",
        "and went home without answers.",
    ];
    let right = [
        "On the second day a boat came",
        "down from the hills. Its pilot",
        "was a child of ten years, who",
        "said that the others slept, and",
        "asked for bread and for a map",
        "of the sea. We gave the bread.",
        "The map we had drawn in chalk",
        "on the wall of the school, and",
        "it could not be carried away.",
    ];
    let title = text_in("F", 16.0, 150.0, 780.0, "A chronicle of the great water, told by its witnesses");
    let text = page(&(title + &lines(320.0, 740.0, &right) + &lines(72.0, 740.0, &left)));
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    assert!(place("A chronicle") < place("The river rose"));
    assert!(place("without answers.") < place("On the second day"));
    assert!(text.contains("the wide river\nuntil evening"), "{text}");
}

#[test]
fn rows_of_tables_are_lines_with_cells() {
    let content: String =
        [("Net sales", "74,452", "61,093"), ("Operating income", "745", "676"), ("Loss", "(41)", "39")]
            .iter()
            .enumerate()
            .map(|(row, (label, first, second))| {
                let y = 600.0 - 14.0 * row as f64;
                text(72.0, y, label) + &figure(300.0, y, first) + &figure(380.0, y, second)
            })
            .collect();
    assert_eq!(page(&content), "Net sales  74,452  61,093\nOperating income  745  676\nLoss  (41)  39\n");
}

#[test]
fn turned_pages_and_turned_text_are_read() {
    let content = lines(72.0, 700.0, &["The first line", "The second line"]);
    for turn in [0, 90, 180, 270, -90, 450] {
        let mut writer = Writer::default();
        writer.page(&content, &format!("/Rotate {turn}"));
        assert_eq!(reading(writer.bytes()).text, "The first line\nThe second line\n", "{turn}");
    }
    let label = "BT /F 10 Tf 0 1 -1 0 40 300 Tm (Sales in millions) Tj ET\n";
    assert_eq!(
        page(&(label.to_owned() + &content)),
        "The first line\nThe second line\n\nSales in millions\n"
    );
    let sideways: String = (0..4)
        .map(|row| {
            format!(
                "BT /F 10 Tf 0 1 -1 0 {} 100 Tm (Row {row}) Tj 90 0 Td ({}) Tj ET\n",
                200 + 14 * row,
                row * 11
            )
        })
        .collect();
    assert_eq!(page(&sideways), "Row 0  0\nRow 1  11\nRow 2  22\nRow 3  33\n");
}

/// A font whose codes 1 to 5 are the letters that `ToUnicode` says.
fn mapped_font(writer: &mut Writer, letters: &str) -> String {
    let map: String = letters
        .chars()
        .zip(1..)
        .map(|(letter, code)| format!("<{code:02x}> <{:04x}>\n", letter as u32))
        .collect();
    let cmap = format!(
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n\
         {} beginbfchar\n{map}endbfchar endcmap end",
        letters.chars().count()
    );
    let cmap = writer.stream("", cmap.as_bytes());
    format!(
        "/M<</Type/Font/Subtype/TrueType/BaseFont/X/FirstChar 1/LastChar 5/Widths[600 600 600 600 600]/ToUnicode {cmap} 0 R>>"
    )
}

#[test]
fn scripts_are_read_in_their_order() {
    // The codes in the order in which they are drawn, from left to right.
    let cases = [
        ("שלום", "<04030201>", "שלום"),
        ("中文字。", "<01020304>", "中文字。"),
        ("ﬁnéx", "<01020304>", "finéx"),
        ("\u{f0b7}", "<01>", "•"),
    ];
    for (letters, drawn, read) in cases {
        let mut writer = Writer::default();
        let font = mapped_font(&mut writer, letters);
        writer.page(&format!("BT /M 10 Tf 100 400 Td {drawn} Tj ET"), "");
        assert_eq!(reading(writer.bytes_with(&font, "")).text.trim_end(), read);
    }
}

#[test]
fn form_fields_and_notes_are_read() {
    let mut writer = Writer::default();
    let parent = writer.object("<</FT/Tx/V(Ada\\rLovelace)/T(name)>>");
    let name =
        writer.object(format!("<</Type/Annot/Subtype/Widget/Parent {parent} 0 R/Rect[150 690 300 718]>>"));
    let ticked = writer.object("<</Type/Annot/Subtype/Widget/FT/Btn/AS/Yes/Rect[150 660 162 672]>>");
    let open = writer.object("<</Type/Annot/Subtype/Widget/FT/Btn/AS/Off/Rect[150 640 162 652]>>");
    let choice = writer.object("<</Type/Annot/Subtype/Widget/FT/Ch/V[(red)(blue)]/Rect[150 600 300 620]>>");
    let hidden = writer.object("<</Type/Annot/Subtype/Widget/FT/Tx/V(secret)/F 2/Rect[150 500 300 520]>>");
    let look =
        writer.stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", text(2.0, 5.0, "Approved").as_bytes());
    let stamp =
        writer.object(format!("<</Type/Annot/Subtype/Stamp/Rect[400 700 500 720]/AP<</N {look} 0 R>>>>"));
    let note = writer.object("<</Type/Annot/Subtype/Text/T(Grace)/Contents(Check\nthis)/Rect[10 10 20 20]>>");
    let content = text(72.0, 705.0, "Name:")
        + &text(72.0, 662.0, "Agreed:")
        + &text(72.0, 642.0, "News:")
        + &text(72.0, 606.0, "Colours:");
    let all =
        [name, ticked, open, choice, hidden, stamp, note].map(|number| format!("{number} 0 R")).join(" ");
    writer.page(&content, &format!("/Annots[{all}]"));
    let text = reading(writer.bytes()).text;
    for part in [
        "Ada",
        "Lovelace",
        "Agreed:  [x]",
        "News:  [ ]",
        "Colours:  red, blue",
        "Approved",
        "[Note by Grace: Check this]",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("secret"));
}

#[test]
fn fields_say_what_the_form_shows() {
    let mut writer = Writer::default();
    let options = "/Opt[[(1)(Yes)][(2)(No)](other)]";
    let looks =
        writer.stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", text(2.0, 5.0, "s3cret").as_bytes());
    let parent = writer.object("<</FT/Tx/Ff 8192/V(hunter2)/T(p)>>");
    let choice = writer.object(format!("<</FT/Ch/T(c){options}>>"));
    let fields = [
        format!("/FT/Ch{options}/V(2)"),
        format!("/FT/Ch/Parent {choice} 0 R/V[(1)(other)]"),
        format!("/FT/Ch/Ff 393216{options}/V(typed by hand)"),
        format!("/Parent {parent} 0 R"),
        format!("/FT/Tx/Ff 8194/V(topsecret)/AP<</N {looks} 0 R>>"),
    ];
    let annotations = [
        "/Subtype/FreeText/Contents(Approved for 5,000 EUR)/DA(/F 9 Tf)",
        "/Subtype/Stamp/Name/Draft",
        "/Subtype/FreeText/Contents(seldom)/F 2",
    ];
    let widgets = fields.map(|field| format!("/Subtype/Widget{field}"));
    let all: Vec<String> = widgets.into_iter().chain(annotations.map(str::to_owned)).collect();
    let mut numbers = String::new();
    for (index, entries) in all.iter().enumerate() {
        let y = 700 - 40 * index;
        let number = writer.object(format!("<</Type/Annot{entries}/Rect[150 {y} 400 {}]>>", y + 20));
        numbers += &format!("{number} 0 R ");
    }
    writer.page("", &format!("/Annots[{numbers}]"));
    let read = reading(writer.bytes()).text;
    let lines: Vec<&str> = read.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["No", "Yes, other", "typed by hand", "Approved for 5,000 EUR", "Draft"]);
}

#[test]
fn hidden_layers_are_left_out() {
    let mut writer = Writer::default();
    let shown = writer.object("<</Type/OCG/Name(a)>>");
    let hidden = writer.object("<</Type/OCG/Name(b)>>");
    let layer = |name: &str, line: &str, y: f64| format!("/OC /{name} BDC {} EMC\n", text(72.0, y, line));
    writer.page(&(layer("A", "shown", 700.0) + &layer("B", "hidden", 680.0)), "");
    writer.catalog = format!("/OCProperties<</OCGs[{shown} 0 R {hidden} 0 R]/D<</OFF[{hidden} 0 R]>>>>");
    let bytes = writer.bytes_with("", &format!("/Properties<</A {shown} 0 R/B {hidden} 0 R>>"));
    assert_eq!(reading(bytes).text, "shown\n");
}

#[test]
fn scans_are_told_by_page() {
    let mut writer = Writer::default();
    let image = writer.stream(
        "/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray",
        b"x",
    );
    let scan = "q 595 0 0 842 0 0 cm /I Do Q ";
    let letters = lines(72.0, 700.0, &["A page of text, which nobody needs to look at."]);
    for content in [&letters, scan, scan, scan, &letters, scan] {
        writer.page(content, "");
    }
    let ocr: Vec<&str> =
        vec!["What a program has read of the page, line after line, stands behind its picture."; 30];
    writer.page(&(scan.to_owned() + " BT 3 Tr ET " + &lines(72.0, 700.0, &ocr)), "");
    let stamp = text(300.0, 20.0, "CONFIDENTIAL - ACME-000123 - Page 8 of 9")
        + &text(72.0, 810.0, "Scanned by the office of the clerk, 3 March 2024")
        + "BT /F 60 Tf 0.7 0.7 -0.7 0.7 150 200 Tm (CONFIDENTIAL) Tj ET ";
    writer.page(&(scan.to_owned() + &stamp), "");
    writer.page(&(scan.to_owned() + &text_in("F", 40.0, 100.0, 500.0, "The Annual Report of 2024")), "");
    writer.page(&("q 595 0 0 600 0 240 cm /I Do Q ".to_owned() + &stamp), "");
    let read = reading(writer.bytes_with("", &format!("/XObject<</I {image} 0 R>>")));
    assert_eq!(read.scans, [2, 3, 4, 6, 8]);
    assert_eq!(read.notes, Vec::<String>::new());
    let byte = read.text.find("What a program").unwrap();
    assert_eq!(read.places.at(read.text[..byte].chars().count()), Some(&Place::Page(7)));
}

#[test]
fn fonts_without_a_map_are_told() {
    let mut writer = Writer::default();
    let line =
        "Wkh errn lv rq wkh wdeoh dqg wkh zlqgrz lv rshq wr wkh vwuhhw ".replace('e', "h").replace('o', "q");
    writer.page(&lines(72.0, 700.0, &[line.as_str(); 5]), "");
    let read = reading(writer.bytes());
    assert!(read.notes[0].contains("letters that make no words"), "{:?}", read.notes);
}

#[test]
fn other_parts_are_told() {
    let mut writer = Writer::of(&[text(72.0, 700.0, "Please open the files of this portfolio.")]);
    let file = writer.object("<</Type/Filespec/F(a.xlsx)/UF(budget.xlsx)>>");
    writer.catalog = format!(
        "/Collection<<>>/AcroForm<</Fields[]/XFA[]>>/Names<</EmbeddedFiles<</Names[(x) {file} 0 R]>>>>"
    );
    let notes = reading(writer.bytes()).notes;
    assert!(
        notes[0].contains("XFA form") && notes[1].contains("portfolio") && notes[1].contains("budget.xlsx"),
        "{notes:?}"
    );
}

#[test]
fn what_only_counts_as_pages_do_stays() {
    for line in ["Invoice 2024-0100", "Daily report, 3 March 2024", "ACME-000123", "Certificate No. 17"] {
        let digits = line.find(|letter: char| letter.is_ascii_digit()).unwrap_or_default();
        let digits = if line.starts_with('I') { line.len() - 4 } else { digits };
        let end = line[digits..].find(' ').map_or(line.len(), |end| digits + end);
        let first: usize = line[digits..end].parse().unwrap_or_default();
        let shown = |page: usize| {
            format!("{}{:0width$}{}", &line[..digits], first + page, &line[end..], width = end - digits)
        };
        let pages: Vec<String> = (0..5)
            .map(|page| text(72.0, 810.0, &shown(page)) + &text(72.0, 500.0, &"x".repeat(page + 3)))
            .collect();
        let read = reading(Writer::of(&pages).bytes()).text;
        for page in 0..5 {
            assert!(read.contains(&shown(page)), "{} is not in {read}", shown(page));
        }
    }
}

#[test]
fn headers_and_page_numbers_stand_once() {
    let pages: Vec<String> = (1..=6)
        .map(|number| {
            text(72.0, 810.0, "Annual Report")
                + &text(
                    72.0,
                    500.0,
                    &format!("What chapter {} says.", "abcdef".get(number - 1..number).unwrap()),
                )
                + &text(290.0, 30.0, &number.to_string())
        })
        .collect();
    let text = reading(Writer::of(&pages).bytes()).text;
    assert_eq!(text.matches("Annual Report").count(), 1);
    assert_eq!(
        text,
        "Annual Report\n\nWhat chapter a says.\n\n1\n\u{c}What chapter b says.\n\u{c}What chapter c says.\n\
                      \u{c}What chapter d says.\n\u{c}What chapter e says.\n\u{c}What chapter f says.\n"
    );
}
