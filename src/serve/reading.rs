//! What reading an upload gave: what there is to say of its documents, and their texts.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::documents::{Document, Place, tokens};
use crate::reader::FileReading;

/// What was read of a file.
#[derive(Serialize)]
pub(crate) struct ReadDocument {
    /// Its name.
    name: String,
    chars: usize,
    /// How many pages, slides or rows of sheets it has, if it has such.
    pages: Option<usize>,
    /// About how many tokens it has.
    tokens: u64,
    /// What there is to say of it.
    warnings: Vec<String>,
}

/// Endings of files that are never plain text: one that is damaged, or no such file, would be read as one.
const NO_TEXTS: [&str; 10] = ["pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "zip", "xls"];

/// Whether a file that was read as plain text is called by the name of another kind.
fn is_misnamed(name: &str, is_plain_text: bool) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    is_plain_text && ending.is_some_and(|ending| NO_TEXTS.contains(&&*ending))
}

/// What readings gave: what there is to say of each document, and its text.
///
/// # Errors
/// 422 where no file of them could be read.
pub(crate) fn documents(readings: Vec<FileReading>) -> Result<(Vec<ReadDocument>, Vec<Value>), ApiError> {
    let unreadable = |message: String| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message).code("unreadable").param("file")
    };
    let (mut read, mut texts, mut unread) = (Vec::<ReadDocument>::new(), Vec::new(), Vec::new());
    let mut first_problem = None;
    for FileReading { name, told_as, outcome } in readings {
        let text = match outcome {
            Ok(text) => text,
            Err(problem) => {
                unread.push(format!("{name} was left out: {}", problem.problem));
                first_problem.get_or_insert((name, problem));
                continue;
            }
        };
        if is_misnamed(&name, text.is_plain_text) {
            let ending = name.rsplit('.').next().unwrap_or_default().to_uppercase();
            let message = format!("{name} is no {ending} file: it is plain text, or the rest of a file");
            return Err(unreadable(message).hint("send the whole file, or name it as a text: report.txt"));
        }
        let mut warnings = text.notes;
        if !text.scans.is_empty() {
            warnings.push(format!("{} of its pages are pictures of text.", text.scans.len()));
        } else if text.text.trim().is_empty() {
            warnings.push("It holds no text.".to_owned());
        }
        let document = Document { name: Some(name.clone()), told_as, text: text.text, places: text.places };
        let pages = document.places.iter().filter(|(_, place)| is_page(place)).count();
        read.push(ReadDocument {
            name,
            chars: document.chars(),
            pages: (pages > 0).then_some(pages),
            tokens: tokens::estimate(&document.text),
            warnings,
        });
        texts.push(with_places(&document));
    }
    match (read.first_mut(), first_problem) {
        (Some(first), _) => first.warnings.extend(unread),
        (None, Some((name, problem))) => {
            return Err(unreadable(format!("{name}: {}", problem.problem)).hint(problem.hint));
        }
        (None, None) => return Err(unreadable("the file holds no documents".to_owned())),
    }
    Ok((read, texts))
}

fn is_page(place: &Place) -> bool {
    matches!(place, Place::Page(_) | Place::Slide(_) | Place::Sheet { row: None, .. })
}

/// A document with its text, and the places in it as a reader would cite them.
pub(crate) fn with_places(document: &Document) -> Value {
    let place = |(start, place): &(usize, Place)| json!({"start": start, "place": place.to_string()});
    json!({
        "name": document.name,
        "text": document.text,
        "places": document.places.iter().map(place).collect::<Vec<_>>(),
    })
}
