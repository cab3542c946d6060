//! The child: `minions-reader`, or `minions reader-child`.
//!
//! It reads requests from stdin and replies on stdout until stdin ends. It trusts the parent, and no file: before it gets
//! one it gives up every right that it does not need.

use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;
use std::thread;

use minions_confined::{Room, give_up_rights, keep_within, wire};
use minions_ingest::{FileReading, Kind, Limits, Picture, Problem, ReadError, Reading, pictures_of};

use crate::wire::{Beyond, Reply, Request, Row, TextLimits, TextRow, Unread};

/// The hidden subcommand under which `minions` becomes a reader's child.
pub const CHILD_COMMAND: &str = "reader-child";

/// Bytes of the stack: files nest their parts. Only touched pages cost memory.
const STACK: usize = 256 << 20;

/// The whole life of a reader's child. `main` must call it before it sets up anything else.
pub fn child_main() -> ExitCode {
    let served = thread::Builder::new().stack_size(STACK).spawn(|| {
        let mut output = BufWriter::with_capacity(1 << 16, io::stdout());
        match give_up_rights() {
            Ok(()) => serve(&mut io::stdin().lock(), &mut output),
            Err(reason) => refuse(&mut output, reason),
        }
    });
    match served.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = refuse(&mut io::stdout(), format!("no stack of {} MB: {error}", STACK >> 20));
            ExitCode::FAILURE
        }
    }
}

fn refuse(output: &mut impl Write, reason: String) -> io::Result<()> {
    wire::write(output, &Reply::Unsafe(reason), &[""; 0])
}

/// Answers requests until the parent closes the pipe.
fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let Some((Request::Keep(room), _)) = wire::read(input)? else { return Ok(()) };
    if let Err(reason) = keep_within(&Room::from(&room)) {
        return refuse(output, reason);
    }
    while let Some((request, mut blocks)) = wire::read(input)? {
        match request {
            Request::Keep(_) => return Ok(()),
            Request::Read(names, mut limits) => {
                let mut texts = Vec::new();
                let files = names.into_iter().zip(blocks);
                let read = files.map(|(name, bytes)| rows(&name, bytes, &mut limits, &mut texts)).collect();
                wire::write(output, &Reply::Read(read), &texts)?;
            }
            Request::Pictures(page) => {
                let bytes = blocks.pop().unwrap_or_default();
                let pictures = pictures_of(bytes, page, &Limits::default());
                let media_type = |picture: &Picture| picture.media_type.to_owned();
                let types = pictures.as_ref().map(|all| all.iter().map(media_type).collect());
                let reply = Reply::Pictures(types.map_err(Clone::clone));
                let all = pictures.unwrap_or_default();
                let bytes: Vec<_> = all.iter().map(|picture| &*picture.bytes).collect();
                wire::write(output, &reply, &bytes)?;
            }
        }
    }
    Ok(())
}

/// What a file gives, and each file in it. Their texts are taken off `limits`.
fn rows(name: &str, bytes: Vec<u8>, limits: &mut TextLimits, texts: &mut Vec<String>) -> Vec<Row> {
    let before = texts.len();
    let row = |FileReading { name, told_as, outcome }: FileReading| {
        let outcome = outcome.map(|reading| text(reading, texts)).map_err(|error| Unread::from(&error));
        Row { name, told_as, outcome }
    };
    let within = Limits { plain_text: limits.plain, room: limits.all, ..Limits::default() };
    let rows = minions_ingest::read_all(name, bytes, &within).into_iter().map(row).collect();
    limits.all -= texts[before..].iter().map(String::len).sum::<usize>().min(limits.all);
    rows
}

fn text(reading: Reading, texts: &mut Vec<String>) -> TextRow {
    let lacks_text = reading.lacks_text();
    let Reading { kind, text, places, notes, scans } = reading;
    texts.push(text);
    let is_plain_text = matches!(kind, Kind::Text | Kind::Markdown);
    TextRow {
        kind: kind.name().to_owned(),
        text: texts.len() - 1,
        places,
        notes,
        scans,
        is_plain_text,
        lacks_text,
    }
}

impl From<&ReadError> for Unread {
    fn from(error: &ReadError) -> Self {
        let is_of_no_kind = matches!(error.problem, Problem::Unsupported(_) | Problem::Convertible { .. });
        Self {
            problem: error.to_string(),
            hint: error.hint().to_owned(),
            is_of_no_kind,
            is_loss: error.problem.is_loss(),
            beyond: match error.problem {
                Problem::TooLarge { .. } => Some(Beyond::File),
                Problem::NoRoom => Some(Beyond::All),
                _ => None,
            },
        }
    }
}
