//! Forty documents through what Python programs do to a text without a wish to hide it.

use std::fmt::Write as _;

use super::*;

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    /// Lines of words.
    fn prose(&mut self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let line = |dice: &mut Self| {
            let some: Vec<&str> = (0..6 + dice.roll(6)).map(|_| words[dice.roll(words.len())]).collect();
            format!("{}{} {}", some.join(" "), [".", "?", ";", " \u{2014}"][dice.roll(4)], dice.roll(99_999))
        };
        (0..40).map(|_| line(self)).collect::<Vec<_>>().join("\n")
    }

    /// Lines without spaces between words.
    fn unspaced(&mut self, letters: &str) -> String {
        let letters: Vec<char> = letters.chars().collect();
        let line = |dice: &mut Self| -> String {
            (0..20 + dice.roll(20)).map(|_| letters[dice.roll(letters.len())]).chain(['。']).collect()
        };
        (0..40).map(|_| line(self)).collect::<Vec<_>>().join("\n")
    }

    /// Rows that are made with some numbers.
    fn rows(&mut self, row: impl Fn(usize, usize, usize) -> String) -> String {
        (0..60).map(|n| row(n, self.roll(10_000), self.roll(90))).collect::<Vec<_>>().join("\n")
    }
}

const PROSE: &[(&str, &str)] = &[
    (
        "English",
        "the ship kept its course and nobody saw more than water birds of those parts the captain's \"log\" said",
    ),
    (
        "German",
        "Größe Maß der Anlage beträgt für Müller höchstens fünf Meter übrige Flächen gehören Straße weiß süß",
    ),
    ("French", "l'été l'élève reçoit très naïf cœur garçon être à côté déjà août forêt œuvre d'où ça"),
    ("Russian", "судно держало курс не было видно ничего кроме воды обычных здесь птиц ёлка съезд объём"),
    ("Greek", "το πλοίο κράτησε την πορεία του δεν φαινόταν τίποτα εκτός από νερό σοφός ΐδιος"),
    ("Arabic", "حافظت السفينة على مسارها ولم يُرَ شيء سوى الماء والطيور هنا"),
    ("Hebrew", "הספינה שמרה על מסלולה ולא נראה דבר מלבד מים שָׁלוֹם עוֹלָם"),
    ("Hindi", "जहाज अपने मार्ग पर चलता रहा पानी तथा सामान्य पक्षियों के अलावा कुछ नहीं दिखा"),
    ("Turkish", "İstanbul ışık İzmir ılık kış iğne ağaç güneş şeker çiçek"),
    ("Korean", "배는 항로를 유지했고 물과 새들 외에는 아무것도 보이지 않았다"),
];

const UNSPACED: &[(&str, &str)] = &[
    ("Chinese", "公司二零三年不动产厂房和设备净额为七百十亿元同比增长分之船保持航向"),
    ("Japanese", "船は針路を保ち水とこの辺りのいつもの鳥のほかには何も見えなかったガギグ"),
    ("Thai", "เรือยังคงแล่นตามเส้นทางและไม่เห็นสิ่งใดนอกจากน้ำและนกทั่วไป"),
];

/// A name and documents.
fn documents() -> Vec<(&'static str, Vec<String>)> {
    let mut dice = Dice(12);
    let mut all = Vec::new();
    for _ in 0..2 {
        all.extend(PROSE.iter().map(|(name, words)| (*name, vec![dice.prose(words)])));
        all.extend(UNSPACED.iter().map(|(name, letters)| (*name, vec![dice.unspaced(letters)])));
        let table = |_, a: usize, b| format!("| {} | Q{} | EU | {b}.{} |", 2000 + a % 25, a % 4 + 1, a % 10);
        all.push(("table", vec![dice.rows(table)]));
        all.push(("CSV", vec![dice.rows(|n, a, b| format!("{n},b{a},0.{b}{n},\"y, {b}\",{}", a % 2))]));
        let python = |_, a, b| {
            format!(
                "def f{a}(x):\n    if x > {b} and x < {a}:\n        return \"{b}: \\n\" + r\"\\d+\"\n    return {a} - x"
            )
        };
        all.push(("Python", vec![dice.rows(python)]));
        let rust = |_, a, b| {
            format!(
                "let path{a} = \"C:\\\\temp\\\\new{b}\"; // {{a}} & {a}% of {b}\nassert!(!path{a}.is_empty());"
            )
        };
        all.push(("Rust", vec![dice.rows(rust)]));
        let html = |_, a, b| {
            format!("<p class=\"x\">Caf&eacute; {a} &amp; Co &lt;{b}&gt; r&#233;sum&eacute; 5%</p>")
        };
        all.push(("HTML", vec![dice.rows(html)]));
        all.push(("cards", (0..100).map(|_| format!("4111 1111 1111 {:04}", dice.roll(9999))).collect()));
        all.push(("names", (0..100).map(|n| format!("{} {n}", ["Ann", "Bob", "Zoë"][n % 3])).collect()));
    }
    all
}

type Transform = fn(&str) -> String;

const TRANSFORMS: &[(&str, Transform)] = &[
    ("plain", str::to_owned),
    ("json.dumps", dumps),
    ("json.dumps twice", |text| dumps(&dumps(text))),
    ("upper", str::to_uppercase),
    ("lower", str::to_lowercase),
    ("ascii", ascii),
    ("repr", repr),
    ("html.escape", escape),
    ("xmlcharrefreplace", references),
    ("quote", quote),
    ("quote of json.dumps", |text| quote(&dumps(text))),
    ("textwrap.fill", fill),
    ("fill of upper", |text| fill(&text.to_uppercase())),
    ("one word a line", |text| text.split_whitespace().collect::<Vec<_>>().join("\n")),
    ("reversed lines", reversed),
    ("json.dumps of reversed lines", |text| dumps(&reversed(text))),
    ("list of reversed lines", |text| {
        format!("[{}]", text.lines().rev().map(dumps).collect::<Vec<_>>().join(", "))
    }),
    ("table", |text| text.split_whitespace().collect::<Vec<_>>().join(" | ")),
    ("commas", |text| text.split_whitespace().collect::<Vec<_>>().join(", ")),
    ("quoted lines", |text| format!("> {}", text.replace('\n', "\n> "))),
    ("pprint", |text| text.lines().map(|line| format!(" {},\n", repr(line))).collect()),
    ("csv", |text| text.lines().map(|line| format!("\"{}\"\n", line.replace('"', "\"\""))).collect()),
    ("hyphens", |text| {
        // Words are divided, and nothing else.
        let divided = |word: &str| match word.char_indices().nth(4) {
            Some((at, _)) if word.chars().all(char::is_alphabetic) => {
                format!("{}-\n{}", &word[..at], &word[at..])
            }
            _ => word.to_owned(),
        };
        text.split(' ').map(divided).collect::<Vec<_>>().join(" ")
    }),
    ("NFD", |text| unicode_normalization::UnicodeNormalization::nfd(text).collect()),
    ("NFKC", |text| unicode_normalization::UnicodeNormalization::nfkc(text).collect()),
    ("typographic", |text| {
        text.replace('"', "\u{201d}").replace('\'', "\u{2019}").replace(" - ", " \u{2013} ")
    }),
];

fn dumps(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            ' '..='~' => out.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write!(out, "\\u{unit:04x}").unwrap()),
        }
    }
    out + "\""
}

fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    let text = if quote == '\'' { text.replace('\'', "\\'") } else { text };
    format!("{quote}{text}{quote}")
}

fn ascii(text: &str) -> String {
    let escaped = |c: char| match c as u32 {
        0..0x7f => c.to_string(),
        code @ 0x7f..0x100 => format!("\\x{code:02x}"),
        code @ 0x100..0x1_0000 => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    };
    repr(text).chars().map(escaped).collect()
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#x27;")
}

fn references(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("&#{};", c as u32) }).collect()
}

fn quote(text: &str) -> String {
    let quoted = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(quoted).collect()
}

/// Lines of 70 characters at most; longer words are cut.
fn fill(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        for piece in chars.chunks(70) {
            let (gap, width) = if column == 0 { ("", 0) } else { (" ", 1) };
            let fits = column + width + piece.len() <= 70;
            out.push_str(if fits { gap } else { "\n" });
            column = if fits { column + width } else { 0 } + piece.len();
            out.extend(piece);
        }
    }
    out
}

fn reversed(text: &str) -> String {
    text.lines().rev().collect::<Vec<_>>().join("\n")
}

#[test]
fn what_left_is_counted_within_a_twentieth() {
    let all = documents();
    assert!(all.len() >= 40);
    for (name, texts) in all {
        let chars: usize = texts.iter().map(|text| text.chars().count()).sum();
        let documents: Arc<[Document]> = texts.iter().cloned().map(Document::from).collect();
        let recogniser = Recogniser::new(Arc::clone(&documents));
        for (how, transform) in TRANSFORMS {
            let sent = format!("(9 jobs, 3 with an answer)\n{}\n", transform(&texts.join("\n")));
            let left = verbatim::joined(recogniser.passages(&sent, std::slice::from_ref(&(0..sent.len()))));
            let counted = |p: &Passage| documents[p.document].text[p.start..p.end].chars().count();
            let counted: usize = left.iter().map(counted).sum();
            assert!(
                counted * 20 >= chars * 19 && counted <= chars,
                "{name}, {how}: {counted} of {chars}:\n{sent}"
            );
        }
    }
}
