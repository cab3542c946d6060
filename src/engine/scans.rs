//! Pages that are pictures: a worker that sees writes their text down, before anything else is asked.
//!
//! In: what files gave. Out: the same, with the texts of pages that the worker could read. Pictures go to a worker on this
//! machine or in its private network alone, where documents stay anyway.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ring::digest::{Context, SHA256};

use super::clients::{self, Seeing};
use super::file_report::{self, ranges};
use super::given::Given;
use super::listing;
use super::shared::SharedResources;
use crate::chat::{ChatRequest, Finish, Image, Message, Role, Usage};
use crate::documents::{Place, Places};
use crate::error::Failure;
use crate::events::{CallEvents, EventKind, Events, Purpose};
use crate::files;
use crate::job::{Job, JobRole};
use crate::prompts::{self, Prompts};
use crate::protocols::Side;
use crate::reader::{InputFile, PagePicture, ReadText, ReaderLimits, ReaderSession};
use crate::sync::{beside_runtime, lock};

/// What a model says of a page that has no text.
const NO_TEXT: &str = "no text";
/// Pages that are shown to the model at once, or wait for one of its slots.
const AT_ONCE: usize = 8;
/// After so many calls in a row that failed, no more are made.
const FAILURES: usize = 3;
/// Why pages were not shown then.
const GIVEN_UP: &str = "its calls before failed";

/// What is told of a file in an archive or a mail.
const WITHIN: &str = "Its pictures of text are shown to no model, as it is within another file: save it, and name it by itself.";

/// Has the worker read the pages of `given` that are pictures, if it sees. Gives the tokens of the calls.
///
/// # Errors
/// The worker can't be made ready, or its prompt can't be loaded.
pub(super) async fn transcribe(
    job: &Job,
    shared: &SharedResources,
    given: &mut [Given],
    events: &Events,
) -> Result<Usage, Failure> {
    let has_scans =
        |given: &Given| given.readings.iter().flat_map(|one| &one.outcome).any(|read| !read.scans.is_empty());
    if !given.iter().any(has_scans) {
        return Ok(Usage::default());
    }
    let seeing = match clients::seeing(job, shared).await? {
        Ok(seeing) => seeing,
        Err(why) => {
            if let Some(why) = why.filter(|_| job.read_scans == Some(true)) {
                file_report::warn(format!("`read_scans`: {why}"), events);
            }
            return Ok(Usage::default());
        }
    };
    let prompt_files = job.prompts.clone();
    let prompts = beside_runtime(move || Prompts::load(&prompt_files)).await.map_err(Failure::input)?;
    let filled = prompts.fill(&prompts::TRANSCRIBE, &[]);
    let question = Message::user(filled.text).owning(filled.own);
    let Seeing { worker, name, servers: _up } = seeing;
    let eyes = Eyes { worker, name, question, events, shared, failures: AtomicUsize::new(0) };
    let mut session = ReaderSession::new(shared.config.reader.clone(), ReaderLimits::default());
    for Given { readings, seen, paths, .. } in given {
        for reading in readings {
            let Ok(read) = &mut reading.outcome else { continue };
            if read.scans.is_empty() {
                continue;
            }
            let Some(path) = paths.get(&reading.name) else {
                read.notes.push(WITHIN.to_owned());
                continue;
            };
            let Some(file) = opened(&reading.name, path).await else { continue };
            let pages = eyes.read_pages(&file, read, &mut session).await;
            if !pages.is_empty() {
                read.scans.retain(|page| !pages.contains_key(page));
                put_in(read, pages);
                seen.insert(reading.name.clone());
            }
        }
    }
    Ok(eyes.worker.usage())
}

async fn opened(name: &str, path: &Path) -> Option<InputFile> {
    let path = path.to_owned();
    let bytes = beside_runtime(move || files::read(&path, listing::LARGEST)).await.ok()?;
    Some(InputFile { name: name.to_owned(), bytes })
}

/// The worker, as one that sees.
struct Eyes<'e> {
    worker: Side,
    name: String,
    question: Message,
    events: &'e Events,
    shared: &'e SharedResources,
    /// Calls that failed in a row.
    failures: AtomicUsize,
}

/// The text of a page, and whether it is whole; or why there is none.
type Transcript = Result<(String, bool), String>;

impl Eyes<'_> {
    /// The texts of a file's pages that could be read, by page. Notes tell of the others.
    async fn read_pages(
        &self,
        file: &InputFile,
        read: &mut ReadText,
        session: &mut ReaderSession,
    ) -> BTreeMap<u32, String> {
        let (mut calls, mut transcripts) = (FuturesUnordered::new(), Vec::new());
        for page in read.scans.clone() {
            if calls.len() >= AT_ONCE {
                transcripts.extend(calls.next().await);
            }
            let pictures = match self.has_given_up() {
                true => Err(GIVEN_UP.to_owned()),
                false => session.pictures(file, page).await.unwrap_or_else(|error| Err(error.to_string())),
            };
            match pictures {
                Ok(pictures) => calls.push(self.read_page(page, pictures)),
                Err(why) => transcripts.push((page, Err(why))),
            }
        }
        while let Some(transcript) = calls.next().await {
            transcripts.push(transcript);
        }
        transcripts.sort_by_key(|(page, _)| *page);
        let (mut texts, mut cut, mut unread) = (BTreeMap::new(), Vec::new(), BTreeMap::<_, Vec<u32>>::new());
        for (page, transcript) in transcripts {
            match transcript {
                Ok((text, is_whole)) => {
                    cut.extend((!is_whole).then_some(page));
                    texts.insert(page, text);
                }
                Err(why) => unread.entry(why).or_default().push(page),
            }
        }
        let is_picture = read.kind == "picture" && read.scans.len() == 1;
        let these = |pages: &[u32]| match pages {
            _ if is_picture => "it".to_owned(),
            [page] => format!("page {page}"),
            _ => format!("pages {}", ranges(pages)),
        };
        let notes = unread
            .iter()
            .map(|(why, pages)| format!("The local model could not read {}: {why}.", these(pages)));
        read.notes.extend(notes);
        if !cut.is_empty() {
            read.notes
                .push(format!("What the local model wrote of {} was cut: text may be missing.", these(&cut)));
            read.lacks_text = true;
        }
        texts
    }

    fn has_given_up(&self) -> bool {
        self.failures.load(Relaxed) >= FAILURES
    }

    async fn read_page(&self, page: u32, pictures: Vec<PagePicture>) -> (u32, Transcript) {
        let key = self.key(&pictures);
        if let Some(text) = key.and_then(|key| lock(&self.shared.transcripts).get(&key).cloned()) {
            return (page, Ok((text, true)));
        }
        let transcript = self.asked(&pictures).await;
        if let (Some(key), Ok((text, true))) = (key, &transcript) {
            lock(&self.shared.transcripts).insert(key, text.clone());
        }
        (page, transcript)
    }

    /// What a transcript is known by: who is asked what of which pictures.
    fn key(&self, pictures: &[PagePicture]) -> Option<[u8; 32]> {
        let mut hash = Context::new(&SHA256);
        let bytes = pictures.iter().map(|picture| &*picture.bytes);
        for part in [self.name.as_bytes(), self.question.content.as_bytes()].into_iter().chain(bytes) {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finish().as_ref().try_into().ok()
    }

    /// Has the worker write down what is on a page.
    async fn asked(&self, pictures: &[PagePicture]) -> Transcript {
        let images = pictures.iter().map(|picture| image(picture).map(Arc::new)).collect::<Option<Vec<_>>>();
        let images = images.ok_or("its pictures are of a kind that models do not take")?;
        let mut permit = self.worker.permit(None).await;
        if self.has_given_up() {
            return Err(GIVEN_UP.to_owned());
        }
        let calls = CallEvents::new(self.events, JobRole::Worker, Purpose::Transcription);
        let message = Message { images, ..self.question.clone() };
        self.tell(None, Role::User, &message.content);
        let request =
            ChatRequest { messages: vec![message], observer: calls.observer(), ..ChatRequest::default() };
        let reply = self.worker.chat(&mut permit, &request).await.inspect_err(|_| {
            self.failures.fetch_add(1, Relaxed);
        });
        let reply = reply.map_err(|error| error.to_string())?;
        self.failures.store(0, Relaxed);
        self.tell(Some(calls.call()), Role::Assistant, &reply.text);
        let text = reply.text.trim();
        if text.is_empty() {
            return Err("it wrote nothing".to_owned());
        }
        let is_none = text.trim_matches('.').eq_ignore_ascii_case(NO_TEXT);
        let text = if is_none { String::new() } else { text.replace('\u{c}', "\n") };
        Ok((text, reply.finish == Finish::Stop))
    }

    /// Tells what was said in a call, without the pictures.
    fn tell(&self, call: Option<u64>, role: Role, text: &str) {
        let side = JobRole::Worker;
        self.events.emit_detail(|| EventKind::Message { call, side, role, text: text.to_owned() });
    }
}

fn image(picture: &PagePicture) -> Option<Image> {
    let known = ["image/png", "image/jpeg"];
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
