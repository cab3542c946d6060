//! What RTF's control words mean.

/// Groups that hold no text of the document.
pub(super) const SILENT: &[&str] = &[
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "filetbl",
    "fldinst",
    "listtable",
    "listoverridetable",
    "revtbl",
    "xe",
    "tc",
    "themedata",
    "datastore",
    "latentstyles",
    "bkmkstart",
    "bkmkend",
    "nonshppict",
    // What programs show that know no shapes, nor tables in tables: the same again.
    "shprslt",
    "nonesttables",
];

/// Groups with text in groups that hold none: of a text box, and of an object of another program.
pub(super) const SPEAKING: &[&str] = &["shptxt", "dptxbxtext", "result"];

/// A text beside the document's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// A header or a footer.
    Edge,
    Note,
    Comment,
    /// Who wrote the next comment.
    Author,
    /// An entry of the table of fonts.
    Fonts,
}

/// The groups that hold one.
pub(super) const ASIDES: &[(&str, Aside)] = &[
    ("header", Aside::Edge),
    ("headerl", Aside::Edge),
    ("headerr", Aside::Edge),
    ("headerf", Aside::Edge),
    ("footer", Aside::Edge),
    ("footerl", Aside::Edge),
    ("footerr", Aside::Edge),
    ("footerf", Aside::Edge),
    ("footnote", Aside::Note),
    ("annotation", Aside::Comment),
    ("atnauthor", Aside::Author),
    ("fonttbl", Aside::Fonts),
];

/// Control words that stand for a character.
pub(super) const CHARACTERS: &[(&str, &str)] = &[
    ("par", "\n"),
    ("line", "\n"),
    ("sect", "\n"),
    ("row", "\n"),
    ("page", "\n"),
    ("cell", " | "),
    ("nestcell", " | "),
    ("nestrow", "\n"),
    ("tab", "\t"),
    ("emdash", "—"),
    ("endash", "–"),
    ("lquote", "‘"),
    ("rquote", "’"),
    ("ldblquote", "“"),
    ("rdblquote", "”"),
    ("bullet", "•"),
    ("emspace", " "),
    ("enspace", " "),
];
