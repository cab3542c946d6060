//! Pages that are pictures: a worker that sees writes their text down, before anything else is asked.
//!
//! In: what files gave. Out: the same, with the texts of pages that the worker could read. Pictures go to a worker on this
//! machine or in its private network alone, where documents stay anyway.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::clients;
use super::given::Given;
use super::listing;
use super::shared::SharedResources;
use crate::chat::{ChatClient, ChatRequest, Image, Message, Usage};
use crate::documents::{Place, Places};
use crate::error::Failure;
use crate::files;
use crate::job::Job;
use crate::prompts::{self, Prompts};
use crate::reader::{InputFile, PagePicture, ReadText, ReaderLimits, ReaderSession};
use crate::sync::beside_runtime;

/// What a model says of a page that has no text.
const NO_TEXT: &str = "no text";

/// Has the worker read the pages of `given` that are pictures, if it sees. Gives the tokens of the calls.
///
/// # Errors
/// The worker can't be made ready, or its prompt can't be loaded.
pub(super) async fn transcribe(
    job: &Job,
    shared: &SharedResources,
    given: &mut [Given],
) -> Result<Usage, Failure> {
    let mut usage = Usage::default();
    let has_scans =
        |given: &Given| given.readings.iter().flat_map(|one| &one.outcome).any(|read| !read.scans.is_empty());
    if !given.iter().any(has_scans) {
        return Ok(usage);
    }
    let Some(client) = clients::seeing(job, shared).await? else { return Ok(usage) };
    let prompt_files = job.prompts.clone();
    let prompts = beside_runtime(move || Prompts::load(&prompt_files)).await.map_err(Failure::input)?;
    let filled = prompts.fill(&prompts::TRANSCRIBE, &[]);
    let question = Message::user(filled.text).owning(filled.own);
    let mut session = ReaderSession::new(shared.config.reader.clone(), ReaderLimits::default());
    for Given { readings, seen, paths, .. } in given {
        for reading in readings {
            let Ok(read) = &mut reading.outcome else { continue };
            let Some(path) = paths.get(&reading.name).filter(|_| !read.scans.is_empty()) else { continue };
            let Some(pictures) = pictures(&reading.name, path, &read.scans, &mut session).await else {
                continue;
            };
            let pages = read_pages(&client, &question, pictures, read, &mut usage).await;
            if !pages.is_empty() {
                read.scans.retain(|page| !pages.contains_key(page));
                put_in(read, pages);
                seen.insert(reading.name.clone());
            }
        }
    }
    Ok(usage)
}

/// The pictures that these pages of the file at `path` are.
async fn pictures(
    name: &str,
    path: &Path,
    pages: &[u32],
    session: &mut ReaderSession,
) -> Option<Vec<(u32, PagePicture)>> {
    let path = path.to_owned();
    let bytes = beside_runtime(move || files::read(&path, listing::LARGEST)).await.ok()?;
    let pictures = session.pictures(InputFile { name: name.to_owned(), bytes }, pages).await.ok()?;
    Some(pages.iter().copied().zip(pictures).filter_map(|(page, picture)| Some((page, picture?))).collect())
}

/// The texts of pages, by page; a page that could not be read gets a note in place of it.
async fn read_pages(
    client: &Arc<dyn ChatClient>,
    question: &Message,
    pictures: Vec<(u32, PagePicture)>,
    read: &mut ReadText,
    usage: &mut Usage,
) -> BTreeMap<u32, String> {
    let mut pages = BTreeMap::new();
    for (page, picture) in pictures {
        let Some(image) = image(&picture) else { continue };
        let message = Message { images: vec![Arc::new(image)], ..question.clone() };
        let request = ChatRequest { messages: vec![message], ..ChatRequest::default() };
        match client.chat(&request).await {
            Ok(reply) => {
                *usage += reply.usage;
                let text = reply.text.trim();
                let is_none = text.trim_matches('.').eq_ignore_ascii_case(NO_TEXT);
                pages.insert(page, if is_none { String::new() } else { text.replace('\u{c}', "\n") });
            }
            Err(error) => read.notes.push(format!("The local model could not read page {page}: {error}.")),
        }
    }
    pages
}

fn image(picture: &PagePicture) -> Option<Image> {
    let known = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    let media_type = known.into_iter().find(|known| *known == picture.media_type)?;
    Some(Image::Data { media_type, base64: STANDARD.encode(&picture.bytes) })
}

/// Puts the texts of pages where these stand. Each page ends with a form feed but perhaps the last.
fn put_in(read: &mut ReadText, pages: BTreeMap<u32, String>) {
    let mut all: Vec<String> = read.text.split('\u{c}').map(str::to_owned).collect();
    for (page, text) in pages {
        let at = usize::try_from(page.saturating_sub(1)).unwrap_or_default();
        if all.len() <= at {
            all.resize(at + 1, String::new());
        }
        let before = all[at].trim_end();
        all[at] = if before.is_empty() { text + "\n" } else { format!("{before}\n{text}\n") };
    }
    let (mut places, mut offset) = (Vec::new(), 0);
    for (number, page) in (1..).zip(&all) {
        places.push((offset, Place::Page(number)));
        offset += page.chars().count() + 1;
    }
    read.text = all.join("\u{c}");
    read.places = Places::from(places);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_page_stands_on_its_page() {
        let text = "one\n\u{c}\u{c}three\n\u{c}".to_owned();
        let mut read = ReadText {
            kind: "PDF".to_owned(),
            text,
            places: Places::default(),
            notes: Vec::new(),
            scans: Vec::new(),
            is_plain_text: false,
            lacks_text: false,
        };
        put_in(&mut read, BTreeMap::from([(2, "Gr\u{fc}\u{df}e".to_owned()), (4, "four".to_owned())]));
        assert_eq!(read.text, "one\n\u{c}Gr\u{fc}\u{df}e\n\u{c}three\n\u{c}four\n");
        let page = |words| {
            let byte = read.text.find(words).unwrap();
            read.places.at(read.text[..byte].chars().count()).cloned()
        };
        let pages = ["one", "Gr", "three", "four"].map(page);
        assert_eq!(pages, [1, 2, 3, 4].map(|number| Some(Place::Page(number))));
    }
}
