use super::*;

#[test]
fn words_and_lines_are_read() {
    let cases: &[(&str, &str)] = &[
        (r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 Hello \b world\b0 .\par Second}", "Hello world.\nSecond"),
        (r"{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe \'80 5\~EUR}", "Grüße € 5 EUR"),
        (r"{\rtf1\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
        (r"{\rtf1\ansicpg932 \'93\'fa\'96\'7b}", "日本"),
        (r"{\rtf1\uc1 \u8364?5 \u-10179?\u-8704? {\uc0 \u228 x}}", "€5 😀 äx"),
        (r"{\rtf1{\*\generator x;}{\pict 00ff}{\info{\title t}}a\{b\}\\c\line d\tab e}", "a{b}\\c\nd\te"),
        (r"{\rtf1 a\cell b\cell\row c\cell d\cell\row}", "a | b\nc | d"),
        (r"{\rtf1 {\field{\*\fldinst HYPERLINK x}{\fldrslt link}}{\bin3 }}}x}", "linkx"),
        (r"{\rtf1 \ldblquote a\rdblquote  \emdash  b", "“a” — b"),
        (
            r"{\rtf1 It costs {\deleted\revauthdel1 5,000}{\revised 9,000} EUR.{\v hidden}\par end}",
            "It costs 9,000 EUR.\nend",
        ),
        (
            r"{\rtf1 by {\strike March }{\striked1 or April}\striked0  May\strike  a\b b\b0 c\strike0 d",
            "by ~~March~~ ~~or April~~ May ~~abc~~d",
        ),
        (
            r"{\rtf1 \strike a\cell b\cell\row c{\super 2}\plain  d{\strike e{\footnote f}g}h}",
            "~~a~~ | ~~b~~\n~~c²~~ d~~e~~ [note: f]~~g~~h",
        ),
        (r"{\rtf1 a\v b\v0 c\deleted d\deleted0 e\v f\plain g}", "aceg"),
        (r"{\rtf1 a{\v b{\b c}\'64\u101?}f}", "af"),
        (
            r"{\rtf1 10{\super 6} cells, H{\sub 2}O, 10\up6 -3\up0  m, 4,120{\super 1)}, the 5{\super th}}",
            "10⁶ cells, H₂O, 10⁻³ m, 4,120¹⁾, the 5th",
        ),
        (r"{\rtf1 x\super 2\nosupersub  y\dn4 1\plain  z\super\b 2\b0 3\par}", "x² y₁ z²³"),
        (
            r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Calibri;}{\f1\fnil\fcharset204{\*\panose 02}Calibri;}{\f2\fcharset128 MS;}}\f0 Stra\'dfe: \f1\'cf\'f0{\f0\'fc}\'e8\plain\'fc\f2\'93\'fa}",
            "Straße: Прüиü日",
        ),
        (r"{\rtf1\ansicpg1252\deff1{\fonttbl\f0\fcharset0 A;\f1\fcharset238 B;}\'b3\'f3d\'9f}", "łódź"),
        (
            r"{\rtf1\deff0{\fonttbl{\f0 A;}{\f3\fcharset2 Symbol;}{\f4\fcharset2 Wingdings;}}{\f3 a \'b3 \u-3999?}{\f4\'fc} a}",
            "α ≥ α✓ a",
        ),
        (r"{\rtf1\mac Gr\'9fe}", "Grüe"),
        (
            r"{\rtf1 Text.{\shp{\*\shpinst\shpleft1{\sp{\sn a}{\sv b}}{\shptxt In a box\par}}{\shprslt{\*\do{\dptxbxtext In a box\par}}}}\par End}",
            "Text.\nIn a box\n\nEnd",
        ),
        (
            r"{\rtf1 {\header File 7\par}{\headerl File 7\par}{\footer\pard Page\par}Body\par}",
            "File 7\n\nPage\n\nBody",
        ),
        (
            r"{\rtf1 So{\super\chftn{\footnote\pard\plain\chftn  A foot.\par}} it is.}",
            "So [note: A foot.] it is.",
        ),
        (
            r"{\rtf1 Sum{\*\atnid A}{\*\atnauthor Ada}\chatn{\*\annotation{\*\atnref 1}why?\par} 5}",
            "Sum [comment by Ada: why?] 5",
        ),
        (
            r"{\rtf1 a{\object\objemb{\*\objclass X}{\*\objdata 00ff}{\result 7 {\pict 00}cells}} b}",
            "a\n7 cells b",
        ),
        (r"{\rtf1 {\nonesttables x}{\header\headerl\footer a}b}", "a\n\nb"),
        (r"{\rtf1 never}}} closed \'zz\", "never closed zz"),
    ];
    for (rtf, text) in cases {
        assert_eq!(Kind::of(rtf.as_bytes()), Kind::Rtf);
        assert_eq!(read(rtf.as_bytes().to_vec(), &Limits::default()).unwrap().text, *text, "{rtf}");
    }
    assert!(read(br"{\rtf1 }".to_vec(), &Limits::default()).is_err());
}

#[test]
fn an_encoding_that_is_not_known_is_told() {
    for (rtf, notes) in [
        (&br"{\rtf1\pc Gr\'81n}"[..], 1),
        (br"{\rtf1{\fonttbl{\f0\fcharset130 X;}{\f1\fcharset99 X;}}\f0\'d0\'65}", 1),
        (br"{\rtf1{\fonttbl{\f1\fcharset99 X;}}\f1\'d0\'65}", 1),
        (br"{\rtf1\pca plain \u252?}", 0),
    ] {
        assert_eq!(read(rtf.to_vec(), &Limits::default()).unwrap().notes.len(), notes);
    }
}
