//! The parent's side: starts children, gives them files, and ends those that take too long.

use std::io;
use std::time::Duration;

use minions_confined::{Child, ChildExecutable, Death, Room, space_below, wire};
use minions_documents::Places;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::wire::{Reply, Request, RoomRow, Row, TextLimits, Unread};

/// Bytes of address space for the program itself, its stack and the allocator's slack.
const OWN_ADDRESS_SPACE: usize = 2 << 30;
/// Seconds of CPU time of a child, which reads any number of files. Each is held to the wall clock.
const CPU_SECONDS: u64 = 3600;
/// Bytes of a reply besides its texts, for places and notes.
const REPLY_HEAD: usize = 256 << 20;
/// The least that a child is given room for, so that files of like sizes share one.
const LEAST_ROOM: usize = 16 << 20;

/// What reading may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderLimits {
    /// Bytes of memory beyond the files themselves.
    pub memory: usize,
    /// Wall time of any request.
    pub time: Duration,
    /// Wall time besides for each megabyte of the files. A megabyte of a PDF may have a hundred pages.
    pub time_per_mb: Duration,
}

impl Default for ReaderLimits {
    fn default() -> Self {
        Self { memory: 1 << 30, time: Duration::from_secs(30), time_per_mb: Duration::from_secs(3) }
    }
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// What messages and the document are called.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What a file gave. An archive gives one for each file in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReading {
    /// The file's name, with its path inside an archive.
    pub name: String,
    /// The same without names that are within a file, as somebody else wrote them: `attachment 2 of mail.eml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_as: Option<String>,
    /// Its text, or why there is none.
    pub outcome: Result<ReadText, Unread>,
}

/// The text of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadText {
    /// What the file is, in words, such as `PDF`.
    pub kind: String,
    /// The whole text.
    pub text: String,
    /// Which page, slide or row begins at which character of the text.
    pub places: Places,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
    /// The pages that are pictures of text, from 1.
    pub scans: Vec<u32>,
    /// Whether it is a plain text, of any sort.
    pub is_plain_text: bool,
    /// Whether a part of its text may be missing or wrong, as the notes say.
    #[serde(default)]
    pub lacks_text: bool,
}

/// A page that is a picture, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePicture {
    /// Its media type, such as `image/jpeg`.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why no file can be read here.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The child process could not be started.
    #[error("cannot start the process that reads files: {0}")]
    Spawn(#[from] io::Error),
    /// The machine has no room for the child, or does not let it confine itself.
    #[error("the machine can't run the process that reads files: {0}")]
    Machine(String),
}

/// Reads files one after the other, with one child as long as it lives.
pub struct ReaderSession {
    executable: ChildExecutable,
    limits: ReaderLimits,
    /// The child, and for how many bytes of files it has room.
    child: Option<(Child, usize)>,
}

/// Why a request has no answer.
enum Lost {
    /// The files are to blame.
    Files(&'static str, String),
    /// Nothing could be read.
    Machine(ReaderError),
}

impl ReaderSession {
    /// A session whose children `executable` becomes. None is started before the first file.
    pub fn new(executable: ChildExecutable, limits: ReaderLimits) -> Self {
        Self { executable, limits, child: None }
    }

    /// Reads some files, whose texts are within `limits`; one list for each. Small ones are best given together. Needs a
    /// tokio runtime with IO and time; whoever drops the future ends the child.
    ///
    /// # Errors
    /// If no child can run here, whatever the files.
    pub async fn read(
        &mut self,
        mut files: Vec<InputFile>,
        limits: TextLimits,
    ) -> Result<Vec<Vec<FileReading>>, ReaderError> {
        match self.read_together(&files, limits).await {
            Ok(read) => Ok(read),
            Err(Lost::Machine(error)) => Err(error),
            Err(Lost::Files(what, hint)) if files.len() < 2 => {
                Ok(files.drain(..).map(|file| vec![lost(file.name, what, &hint)]).collect())
            }
            // One of them is to blame: each is read by itself.
            Err(Lost::Files(..)) => {
                let mut read = Vec::new();
                for file in files {
                    read.push(match self.read_together(std::slice::from_ref(&file), limits).await {
                        Ok(mut one) => one.remove(0),
                        Err(Lost::Machine(error)) => return Err(error),
                        Err(Lost::Files(what, hint)) => vec![lost(file.name, what, &hint)],
                    });
                }
                Ok(read)
            }
        }
    }

    /// A page of a file, counted from 1, as pictures that models take: one, or several where the page is long; or why
    /// there are none, as a sentence.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn pictures(
        &mut self,
        file: &InputFile,
        page: u32,
    ) -> Result<Result<Vec<PagePicture>, String>, ReaderError> {
        match self.exchange(std::slice::from_ref(file), &Request::Pictures(page), pictures).await {
            Ok(pictures) => Ok(pictures),
            Err(Lost::Machine(error)) => Err(error),
            Err(Lost::Files(what, _)) => Ok(Err(format!("it {what}"))),
        }
    }

    async fn read_together(
        &mut self,
        files: &[InputFile],
        limits: TextLimits,
    ) -> Result<Vec<Vec<FileReading>>, Lost> {
        let request = Request::Read(files.iter().map(|file| file.name.clone()).collect(), limits);
        self.exchange(files, &request, |reply, texts| readings(reply, texts, files.len())).await
    }

    /// Sends a request and receives its reply, of which `take` makes what is wanted. After an error there is no child.
    async fn exchange<T>(
        &mut self,
        files: &[InputFile],
        request: &Request,
        take: impl Fn(Reply, Vec<Vec<u8>>) -> Option<T>,
    ) -> Result<T, Lost> {
        let size = files.iter().map(|file| file.bytes.len()).sum::<usize>();
        if let Some(idle) = self.child.take().filter(|(_, room)| *room >= size) {
            match self.exchange_with(idle, files, request, &take).await {
                // What befell the child before may be to blame, so a new one tries.
                Err(Lost::Files(what, _)) if what != TOO_LONG => {}
                other => return other,
            }
        }
        let new = self.start(size.max(LEAST_ROOM)).await.map_err(Lost::Machine)?;
        self.exchange_with(new, files, request, &take).await
    }

    async fn exchange_with<T>(
        &mut self,
        (mut child, room): (Child, usize),
        files: &[InputFile],
        request: &Request,
        take: &impl Fn(Reply, Vec<Vec<u8>>) -> Option<T>,
    ) -> Result<T, Lost> {
        let size = files.iter().map(|file| file.bytes.len()).sum::<usize>();
        let megabytes = u32::try_from(size >> 20).unwrap_or(u32::MAX);
        let limit = self.limits.time + self.limits.time_per_mb * megabytes;
        let blocks: Vec<&[u8]> = files.iter().map(|file| &*file.bytes).collect();
        let most = (self.limits.memory + room).saturating_add(REPLY_HEAD);
        let exchange = async {
            let sent = wire::send(&mut child.input, request, &blocks).await;
            wire::receive::<Reply>(&mut child.output, most).await.map_err(|error| sent.err().unwrap_or(error))
        };
        let lost = match timeout(limit, exchange).await {
            Ok(Ok((Reply::Unsafe(reason), _))) => Lost::Machine(ReaderError::Machine(reason)),
            Ok(Ok((reply, blocks))) => match take(reply, blocks) {
                Some(taken) => {
                    self.child = Some((child, room));
                    return Ok(taken);
                }
                None => broken(),
            },
            Ok(Err(_)) => self.autopsy(&mut child, room).await,
            Err(_) => {
                Lost::Files(TOO_LONG, format!("It was given up after {} s. {ANOTHER_COPY}", limit.as_secs()))
            }
        };
        child.end().await;
        Err(lost)
    }

    async fn start(&self, room: usize) -> Result<(Child, usize), ReaderError> {
        let mut child = Child::start(&self.executable).await?;
        let keep = Request::Keep(RoomRow::from(&self.room(room)));
        // A child that reads nothing says why in place of its answer.
        let _ = wire::send(&mut child.input, &keep, &[""; 0]).await;
        Ok((child, room))
    }

    /// The room of a child for files of so many bytes: their own, what is made of them, and what is in flight.
    fn room(&self, files: usize) -> Room {
        let memory = self.limits.memory.saturating_add(files);
        Room {
            cpu_seconds: CPU_SECONDS,
            address_space: memory.saturating_mul(2).saturating_add(OWN_ADDRESS_SPACE) as u64,
            memory,
        }
    }

    /// Why the child stopped talking.
    async fn autopsy(&self, child: &mut Child, room: usize) -> Lost {
        let short = space_below(self.room(room).address_space)
            .map(|bytes| format!(" A process here may have {} MB of memory (ulimit -v).", bytes >> 20))
            .unwrap_or_default();
        match child.death().await.map(|(_, death)| death) {
            Some(Death::OutOfMemory) => Lost::Files(
                "can't be read: it takes too much memory",
                format!("It was given up at {} MB.{short} {ANOTHER_COPY}", self.limits.memory >> 20),
            ),
            Some(Death::Killed) => Lost::Files(
                "can't be read: its reader was killed, as the kernel does where memory is short",
                "Give the machine or the container more memory, or split the file.".to_owned(),
            ),
            Some(Death::Ended(_)) => Lost::Files(
                "can't be read: its reader was ended from outside",
                "Run the job again.".to_owned(),
            ),
            Some(Death::OutOfTime) => Lost::Files(TOO_LONG, ANOTHER_COPY.to_owned()),
            Some(Death::TooDeep) => {
                Lost::Files("can't be read: its parts are nested too deeply", ANOTHER_COPY.to_owned())
            }
            Some(Death::Crashed) => {
                Lost::Files("can't be read: its reader crashed", format!("{ANOTHER_COPY}{short}"))
            }
            None => broken(),
        }
    }
}

/// What is told of a file whose time is up.
const TOO_LONG: &str = "can't be read: it takes too long";
/// What to do about a file that no reader gets through.
const ANOTHER_COPY: &str = "Save it anew in the program that made it, print it to a PDF, or give the part that the question is about.";

fn broken() -> Lost {
    Lost::Files("can't be read: its reader answered something else", ANOTHER_COPY.to_owned())
}

fn lost(name: String, what: &str, hint: &str) -> FileReading {
    let unread = Unread {
        problem: format!("{name} {what}"),
        hint: hint.to_owned(),
        is_of_no_kind: false,
        is_loss: true,
        beyond: None,
    };
    FileReading { name, told_as: None, outcome: Err(unread) }
}

/// The readings with their texts; `None` if the reply is none to `count` files.
fn readings(reply: Reply, blocks: Vec<Vec<u8>>, count: usize) -> Option<Vec<Vec<FileReading>>> {
    let Reply::Read(rows) = reply else { return None };
    let mut texts: Vec<Option<String>> = wire::texts(blocks).ok()?.into_iter().map(Some).collect();
    let mut one = |row: Row| {
        let outcome = match row.outcome {
            Ok(read) => Ok(ReadText {
                text: texts.get_mut(read.text)?.take()?,
                kind: read.kind,
                places: read.places,
                notes: read.notes,
                scans: read.scans,
                is_plain_text: read.is_plain_text,
                lacks_text: read.lacks_text,
            }),
            Err(unread) => Err(unread),
        };
        Some(FileReading { name: row.name, told_as: row.told_as, outcome })
    };
    let read: Option<Vec<Vec<_>>> =
        rows.into_iter().map(|rows| rows.into_iter().map(&mut one).collect()).collect();
    read.filter(|read| read.len() == count)
}

/// The pictures with their bytes; `None` if the reply is another one.
fn pictures(reply: Reply, blocks: Vec<Vec<u8>>) -> Option<Result<Vec<PagePicture>, String>> {
    let Reply::Pictures(types) = reply else { return None };
    let is_whole = types.as_ref().is_ok_and(|types| !types.is_empty() && types.len() == blocks.len());
    let all = |types: Vec<String>| {
        let pictures = types.into_iter().zip(blocks);
        pictures.map(|(media_type, bytes)| PagePicture { media_type, bytes }).collect()
    };
    (is_whole || types.is_err()).then(|| types.map(all))
}
