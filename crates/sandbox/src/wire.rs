//! The messages between the parent and its child. Long texts travel beside them, each distinct chunk once however many
//! jobs use it.

use std::collections::HashMap;
use std::io::{self, Read};

use minions_confined::wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncRead;

use super::{CodeError, HostCall, JobManifest, JobOutput, SandboxLimits, Search, Shown};

/// A message from the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run the module's top level; the texts are the documents, each of which has a name.
    Start { code: String, limits: SandboxLimits, search: Search, names: Vec<String> },
    /// Call `prepare_jobs`; the texts are chunks.
    Prepare { manifests: Vec<Manifest>, outputs: Vec<JobOutput> },
    /// Call `transform_outputs`; the texts are chunks.
    Transform { jobs: Vec<JobRow> },
    /// The host's answer to [`Reply::Call`], or why there is none.
    Answered(Result<Value, String>),
}

impl Request {
    /// The part of the code that the request runs, for messages.
    pub(crate) fn place(&self) -> &'static str {
        match self {
            Self::Start { .. } => "at its top level",
            Self::Prepare { .. } => "in prepare_jobs",
            Self::Transform { .. } => "in transform_outputs",
            Self::Answered(_) => "in a call of the host",
        }
    }
}

/// A message from the child: one reply to each request, after any number of [`Reply::Call`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The child has its threads and the room for an interpreter, which it makes next. It says so without being asked.
    Up,
    /// The child has the documents and is confined: the code begins. What ends the child before is not the code's fault.
    Ready,
    Started,
    /// The texts are chunks.
    Prepared {
        manifests: Vec<Manifest>,
        shown: Shown,
    },
    /// The one text is the result.
    Transformed {
        include: Vec<Option<bool>>,
        shown: Shown,
    },
    /// The code calls a function of the host, with these texts.
    Call(HostCall),
    Failed(CodeError),
    /// The child cannot confine itself, or has no room to run.
    Unsafe(String),
}

/// A [`JobManifest`] whose chunk is the text with that index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub chunk: usize,
    pub task: String,
    pub advice: String,
    pub ids: [Option<u64>; 3],
    pub expected: bool,
}

/// A [`super::JobRecord`] with such a manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub manifest: Manifest,
    pub output: JobOutput,
    pub raw_reply: String,
    pub include: Option<bool>,
    pub agreed: u32,
    pub samples: u32,
    pub confirmed: bool,
    pub place: Option<String>,
}

/// Distinct texts, in order of first use.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    seen: HashMap<&'a str, usize>,
    list: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn index(&mut self, text: &'a str) -> usize {
        *self.seen.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() - 1
        })
    }

    /// The manifest with its chunk replaced by an index.
    pub(crate) fn manifest(&mut self, full: &'a JobManifest) -> Manifest {
        Manifest {
            chunk: self.index(&full.chunk),
            task: full.task.clone(),
            advice: full.advice.clone(),
            ids: [full.chunk_id, full.task_id, full.job_id],
            expected: full.expected,
        }
    }

    /// The texts that follow the head.
    pub(crate) fn into_list(self) -> Vec<&'a str> {
        self.list
    }
}

/// Child side: reads a request from the parent. `None` at the end of input.
pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<(Request, Vec<String>)>> {
    wire::read(from)?.map(|(request, blocks)| Ok((request, wire::texts(blocks)?))).transpose()
}

/// Parent side: reads a reply of at most `max` bytes from the child.
pub(crate) async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    max: usize,
) -> io::Result<(Reply, Vec<String>)> {
    let (reply, blocks) = wire::receive(from, max).await?;
    Ok((reply, wire::texts(blocks)?))
}
