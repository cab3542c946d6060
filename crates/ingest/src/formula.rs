//! Equations as text in a line, `x=(-b±√(b^2-4ac))/(2a)`: what all forms of them share, and MathML (MathML Core), element
//! by element.

/// A part of an equation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    /// Whether it begins and ends with something that was built, such as a fraction: the digits beside it are no part
    /// of its own.
    begins_built: bool,
    ends_built: bool,
    /// Whether it is a word, which needs spaces around it.
    is_word: bool,
}

impl Part {
    /// Signs as they are typed.
    pub(crate) fn typed(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// What was built of others.
    pub(crate) fn built(text: impl Into<String>) -> Self {
        Self { text: text.into(), begins_built: true, ends_built: true, is_word: false }
    }

    fn word(text: String) -> Self {
        let is_word = text.chars().filter(|letter| letter.is_alphabetic()).nth(1).is_some();
        Self { text, is_word, ..Self::default() }
    }

    fn needs_space(&self, next: &Self) -> bool {
        let (Some(last), Some(first)) = (self.text.chars().next_back(), next.text.chars().next()) else {
            return false;
        };
        let is_mixed = next.begins_built && last.is_numeric() && first.is_numeric();
        last.is_alphanumeric()
            && first.is_alphanumeric()
            && (self.ends_built || is_mixed || self.is_word || next.is_word)
    }
}

/// Parts in a row. What would be read as one number or word has a space between: `2 1/2`, `x^2 y`.
pub(crate) fn joined(parts: Vec<Part>) -> Part {
    let mut row = Part::default();
    for part in parts.into_iter().filter(|part| !part.text.is_empty()) {
        if row.text.is_empty() {
            row = part;
            continue;
        }
        if row.needs_space(&part) {
            row.text.push(' ');
        }
        row.text.push_str(&part.text);
        (row.ends_built, row.is_word) = (part.ends_built, part.is_word);
    }
    row
}

/// In parentheses, unless it is one word, number or sign, or is in parentheses already.
pub(crate) fn grouped(text: &str) -> String {
    let text = text.trim();
    let is_one = text.chars().all(char::is_alphabetic)
        || text.chars().all(|letter| letter.is_numeric() || letter == '.')
        || text.chars().nth(1).is_none()
        || is_enclosed(text);
    if is_one { text.to_owned() } else { format!("({text})") }
}

/// Whether the bracket that it begins with is closed by its end.
fn is_enclosed(text: &str) -> bool {
    text.starts_with('(') && depths(text).position(|(_, depth)| depth == 0) == Some(text.chars().count() - 1)
}

/// Whether it is a fraction that stands in no brackets.
fn is_fraction(text: &str) -> bool {
    depths(text).any(|(letter, depth)| letter == '/' && depth == 0)
}

/// The characters, with the number of brackets that are open behind each.
fn depths(text: &str) -> impl Iterator<Item = (char, usize)> {
    text.chars().scan(0_usize, |depth, letter| {
        match letter {
            '(' | '[' | '{' => *depth += 1,
            ')' | ']' | '}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some((letter, *depth))
    })
}

/// A fraction; without its line, as of two numbers that stand above each other, it is a column.
pub(crate) fn fraction(above: &str, below: &str, has_line: bool) -> Part {
    if has_line {
        return Part::built(format!("{}/{}", grouped(above), grouped(below)));
    }
    Part::typed(format!("[{}; {}]", above.trim(), below.trim()))
}

/// The base with what stands below and above it.
pub(crate) fn scripts(base: &str, below: &str, above: &str) -> Part {
    let mut text = if is_fraction(base) { format!("({base})") } else { base.to_owned() };
    for (mark, script) in [('_', below), ('^', above)] {
        if !script.trim().is_empty() {
            text.push(mark);
            text.push_str(&grouped(script));
        }
    }
    Part::built(text)
}

/// A root, of a degree if it has one.
pub(crate) fn root(degree: &str, of: &str) -> Part {
    let degree = if degree.is_empty() { String::new() } else { format!("[{degree}]") };
    Part::typed(format!("√{degree}({of})"))
}

/// Marks above a letter, and the characters that put them there.
const ACCENTS: &[(&str, char)] = &[
    ("¯", '\u{304}'),
    ("‾", '\u{304}'),
    ("^", '\u{302}'),
    ("ˆ", '\u{302}'),
    ("~", '\u{303}'),
    ("˜", '\u{303}'),
    ("˙", '\u{307}'),
    (".", '\u{307}'),
    ("¨", '\u{308}'),
    ("→", '\u{20d7}'),
];

/// What an element of MathML is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Row,
    Word,
    Sign,
    Fraction,
    Sup,
    Sub,
    SubSup,
    Over,
    UnderOver,
    Sqrt,
    Root,
    Fenced,
    Table,
    TableRow,
    Scripts,
    PreScripts,
    /// The first of several forms.
    First,
    Silent,
}

const ROLES: &[(&str, Role)] = &[
    ("mi", Role::Word),
    ("mtext", Role::Word),
    ("mn", Role::Sign),
    ("mo", Role::Sign),
    ("ms", Role::Sign),
    ("mfrac", Role::Fraction),
    ("msup", Role::Sup),
    ("msub", Role::Sub),
    ("munder", Role::Sub),
    ("msubsup", Role::SubSup),
    ("mover", Role::Over),
    ("munderover", Role::UnderOver),
    ("msqrt", Role::Sqrt),
    ("mroot", Role::Root),
    ("mfenced", Role::Fenced),
    ("mtable", Role::Table),
    ("mtr", Role::TableRow),
    ("mlabeledtr", Role::TableRow),
    ("mmultiscripts", Role::Scripts),
    ("mprescripts", Role::PreScripts),
    ("maction", Role::First),
    ("semantics", Role::First),
    ("mphantom", Role::Silent),
    ("annotation", Role::Silent),
    ("annotation-xml", Role::Silent),
];

/// Attributes that matter.
pub(crate) const ATTRIBUTES: [&str; 4] = ["open", "close", "separators", "linethickness"];

/// How deep elements are told apart.
const DEPTH: usize = 64;

/// An equation of MathML that is being read. What is not closed ends with it.
#[derive(Default)]
pub(crate) struct Formula {
    open: Vec<Node>,
    /// How many elements are open that are nested too deeply to count.
    deeper: usize,
    parts: Vec<Part>,
}

struct Node {
    role: Role,
    text: String,
    parts: Vec<(Role, Part)>,
    attributes: [Option<String>; 4],
}

impl Formula {
    /// An element begins.
    pub(crate) fn open(&mut self, name: &str, attribute: impl Fn(&str) -> Option<String>) {
        if self.open.len() >= DEPTH {
            self.deeper += 1;
            return;
        }
        let role = ROLES.iter().find(|(known, _)| *known == name).map_or(Role::Row, |(_, role)| *role);
        let attributes = ATTRIBUTES.map(attribute);
        self.open.push(Node { role, text: String::new(), parts: Vec::new(), attributes });
    }

    /// A text in the element that was opened last.
    pub(crate) fn text(&mut self, text: &str) {
        if let Some(node) = self.open.last_mut() {
            node.text.push_str(text);
        }
    }

    /// The element that was opened last ends.
    pub(crate) fn close(&mut self) {
        if let Some(left) = self.deeper.checked_sub(1) {
            self.deeper = left;
            return;
        }
        let Some(node) = self.open.pop() else { return };
        let (role, part) = (node.role, node.part());
        match self.open.last_mut() {
            Some(around) => around.parts.push((role, part)),
            None => self.parts.push(part),
        }
    }

    /// The equation in a line.
    pub(crate) fn line(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        joined(self.parts).text
    }
}

impl Node {
    fn part(mut self) -> Part {
        let is_sign = |letter: &char| !matches!(letter, '\u{2061}'..='\u{2064}' | '\u{200b}');
        let text: String = self.text.chars().filter(is_sign).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let attribute =
            |index: usize, usual: &str| self.attributes[index].as_deref().unwrap_or(usual).trim().to_owned();
        let of = |index: usize| self.parts.get(index).map_or("", |(_, part)| part.text.as_str());
        match self.role {
            Role::Word => Part::word(text),
            Role::Sign => Part::typed(text),
            Role::Fraction => {
                let thickness = attribute(3, "1");
                let has_line =
                    !thickness.starts_with('0') || thickness.contains(|digit| ('1'..='9').contains(&digit));
                fraction(of(0), of(1), has_line)
            }
            Role::Sup => scripts(of(0), "", of(1)),
            Role::Sub => scripts(of(0), of(1), ""),
            Role::SubSup | Role::UnderOver => scripts(of(0), of(1), of(2)),
            Role::Over => {
                let accent = ACCENTS.iter().find(|(mark, _)| *mark == of(1));
                match accent.filter(|_| of(0).chars().nth(1).is_none()) {
                    Some((_, accent)) => Part::typed(format!("{}{accent}", of(0))),
                    None => scripts(of(0), "", of(1)),
                }
            }
            Role::Root => root(of(1), of(0)),
            Role::Fenced => {
                let marks = attribute(2, ",");
                let mut marks = marks.chars().filter(|mark| !mark.is_whitespace()).collect::<Vec<_>>();
                let mut inner = String::new();
                for (index, (_, part)) in self.parts.iter().enumerate() {
                    // The last mark holds for all that follow.
                    if index > 0 {
                        inner.extend(marks.first());
                    }
                    if index > 0 && marks.len() > 1 {
                        marks.remove(0);
                    }
                    inner.push_str(&part.text);
                }
                Part::typed(format!("{}{inner}{}", attribute(0, "("), attribute(1, ")")))
            }
            Role::Table => Part::typed(format!("[{}]", self.listed("; "))),
            Role::TableRow => Part::typed(self.listed(", ")),
            Role::Scripts => self.around(),
            Role::First => self.parts.drain(..).next().map(|(_, part)| part).unwrap_or_default(),
            Role::Silent | Role::PreScripts => Part::default(),
            Role::Row | Role::Sqrt => {
                let is_root = self.role == Role::Sqrt;
                let typed = std::iter::once(Part::word(text));
                let row = joined(typed.chain(self.parts.drain(..).map(|(_, part)| part)).collect());
                if is_root { root("", &row.text) } else { row }
            }
        }
    }

    fn listed(&self, between: &str) -> String {
        self.parts.iter().map(|(_, part)| part.text.as_str()).collect::<Vec<_>>().join(between)
    }

    /// A base with pairs of scripts behind it, and before it those behind the mark for them.
    fn around(&self) -> Part {
        let Some((base, rest)) = self.parts.split_first() else { return Part::default() };
        let before = rest.iter().position(|(role, _)| *role == Role::PreScripts).unwrap_or(rest.len());
        let pairs = |parts: &[(Role, Part)]| -> String {
            let text =
                |part: Option<&(Role, Part)>| part.map_or(String::new(), |(_, part)| part.text.clone());
            parts.chunks(2).map(|pair| scripts("", &text(pair.first()), &text(pair.get(1))).text).collect()
        };
        let left = pairs(rest.get(before + 1..).unwrap_or_default());
        Part::built(format!("{left}{}{}", base.1.text, pairs(&rest[..before])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_belongs_to_its_base() {
        for (base, text) in [
            ("1/2", "(1/2)^2"),
            ("(x-c)/v", "((x-c)/v)^2"),
            ("(x-c)/(v)", "((x-c)/(v))^2"),
            ("(1/2)", "(1/2)^2"),
            ("f(1/2)", "f(1/2)^2"),
        ] {
            assert_eq!(scripts(base, "", "2").text, text);
        }
        for (above, below, text) in
            [("(x-c)", "v", "(x-c)/v"), ("(a)(b)", "2a", "((a)(b))/(2a)"), ("1", "10", "1/10")]
        {
            assert_eq!(fraction(above, below, true).text, text);
        }
        assert_eq!(scripts("x", "i+1", "*").text, "x_(i+1)^*");
        assert_eq!(fraction("5", "2", false).text, "[5; 2]");
        assert_eq!(
            joined(vec![Part::typed("2"), fraction("1", "2", true), Part::typed("x")]).text,
            "2 1/2 x"
        );
        assert_eq!(
            joined(vec![Part::typed("y="), fraction("1", "2", true), Part::typed("+1")]).text,
            "y=1/2+1"
        );
    }
}
