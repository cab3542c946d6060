//! What a folder holds, as a document that comes before its files.

use crate::documents::tokens::estimate;
use crate::documents::{Document, Places};
use crate::files::tree::{header, tree};

/// The tree of the folder `name`, called `title`, whose files gave `documents`; before it, if `with_header`, what
/// gitingest writes there.
pub(super) fn overview(name: &str, title: &str, documents: &[Document], with_header: bool) -> Document {
    let (name, before) = match name.trim_end_matches('/') {
        "" | "." => (format!("{title}/"), String::new()),
        name => (format!("{name}/"), format!("{name}/")),
    };
    let names = documents.iter().filter_map(|document| document.name.as_deref());
    let names: Vec<&str> = names.map(|name| name.strip_prefix(&before).unwrap_or(name)).collect();
    let mut text = tree(title, &names);
    if with_header {
        let tokens = documents.iter().map(|document| estimate(&document.text)).sum::<u64>() + estimate(&text);
        text = format!("{}\n{text}", header(title, names.len(), tokens));
    }
    Document { name: Some(name), told_as: None, text, places: Places::of_lines() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_told_by_its_tree() {
        let document = |name: &str, text: &str| Document {
            name: Some(name.to_owned()),
            ..Document::from(text.to_owned())
        };
        let documents = [document("src/a.rs", "four"), document("src/b/c.rs", "eight ch")];
        let plain = overview("src/", "src", &documents, false);
        assert_eq!(plain.name.as_deref(), Some("src/"));
        assert_eq!(
            plain.text,
            "Directory structure:\n└── src/\n    ├── a.rs\n    └── b/\n        └── c.rs\n"
        );
        let whole = overview("src", "src", &documents, true);
        assert!(
            whole.text.starts_with("Directory: src\nFiles analyzed: 2\n\nEstimated tokens: "),
            "{}",
            whole.text
        );
        assert!(whole.text.ends_with(&format!("\n\n{}", plain.text)));
        let here = overview(".", "project", &[document("a.rs", "")], false);
        assert_eq!(here.name.as_deref(), Some("project/"));
        assert_eq!(here.text, "Directory structure:\n└── project/\n    └── a.rs\n");
    }
}
