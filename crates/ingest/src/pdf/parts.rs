//! Parts of a PDF besides its pages, which are told but not read.

use hayro_syntax::object::{Array, Dict, Object, String as PdfString};

use super::strings::text_of;

/// How deep and how far the tree of attached files is followed.
const DEPTH: usize = 8;
const MOST: usize = 1000;
/// How many names a note lists.
const LISTED: usize = 8;

/// What the user should know of the document's parts, when this many pages were found.
pub(super) fn notes(catalog: &Dict<'_>, found: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let promised = catalog.get::<Dict<'_>>("Pages").and_then(|pages| pages.get::<i32>("Count")).unwrap_or(0);
    if let Ok(promised) = usize::try_from(promised)
        && (found..100_000_000).contains(&promised)
        && promised > found
    {
        notes.push(format!(
            "The file says that it has {promised} pages, and {found} can be found: it is damaged."
        ));
    }
    if catalog.get::<Dict<'_>>("AcroForm").is_some_and(|form| form.contains_key("XFA")) {
        notes.push(
            "It is an XFA form: its pages may show less than a form program would. Print it to a new PDF there."
                .to_owned(),
        );
    }
    let names = attached(catalog);
    let portfolio = catalog.contains_key("Collection");
    if portfolio || !names.is_empty() {
        let what = if portfolio { "It is a portfolio" } else { "It has files attached" };
        let list = if names.is_empty() { String::new() } else { format!(": {}", listed(&names)) };
        notes.push(format!(
            "{what}, and the files in it are not read{list}. Save them and give them as well."
        ));
    }
    notes
}

fn listed(names: &[String]) -> String {
    let mut list = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        list.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    list
}

/// The names of the files that are attached to the document.
fn attached(catalog: &Dict<'_>) -> Vec<String> {
    let tree = catalog.get::<Dict<'_>>("Names").and_then(|names| names.get::<Dict<'_>>("EmbeddedFiles"));
    let mut names = Vec::new();
    let mut open: Vec<(Dict<'_>, usize)> = tree.into_iter().map(|tree| (tree, 0)).collect();
    while let Some((node, depth)) = open.pop() {
        for file in node.get::<Array<'_>>("Names").unwrap_or_default().iter::<Object<'_>>() {
            if let Object::Dict(file) = file {
                let name = file.get::<PdfString<'_>>("UF").or_else(|| file.get::<PdfString<'_>>("F"));
                names.extend(name.map(|name| text_of(name.as_bytes())));
            }
        }
        if depth < DEPTH && names.len() < MOST && open.len() < MOST {
            let kids = node.get::<Array<'_>>("Kids").unwrap_or_default();
            open.extend(kids.iter::<Dict<'_>>().take(MOST).map(|kid| (kid, depth + 1)));
        }
    }
    names
}
