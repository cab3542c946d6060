//! What the code handed over in a call: collected, and held to the limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::mem;

use rustpython_vm::builtins::PyStr;
use rustpython_vm::{AsObject, PyRef};

use super::arguments::utf8;
use crate::{CodeError, SandboxLimits, Shown, wire::Manifest};

/// A text of the interpreter's, which is shared and not copied.
#[derive(Clone)]
pub(super) struct Text(pub PyRef<PyStr>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        utf8(&self.0).as_bytes()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

/// The values that the code handed over in a call.
#[derive(Default)]
pub(super) struct Collected {
    /// The manifests from `prepare_jobs`.
    pub manifests: Vec<Manifest>,
    /// The distinct chunks of the manifests, or the text of `transform_outputs`.
    pub texts: Vec<Text>,
    /// The `include` flags after `transform_outputs`.
    pub include: Vec<Option<bool>>,
    /// What `show` has shown so far.
    pub shown: Shown,
}

/// Collects what the code hands over.
pub(super) struct Functions {
    pub limits: SandboxLimits,
    manifests: Vec<Manifest>,
    /// The distinct chunks, each with its index.
    chunks: HashMap<Text, usize>,
    /// The same by the objects that hold them, as one is often used for several jobs.
    objects: HashMap<usize, usize>,
    chunk_bytes: usize,
    /// Bytes of the distinct chunks, and of tasks and advice.
    distinct_bytes: usize,
    instruction_bytes: usize,
    text: Option<Text>,
    include: Vec<Option<bool>>,
    pub shown: Shown,
}

impl Functions {
    pub(super) fn new(limits: SandboxLimits) -> Self {
        Self {
            limits,
            manifests: Vec::new(),
            chunks: HashMap::new(),
            objects: HashMap::new(),
            chunk_bytes: 0,
            distinct_bytes: 0,
            instruction_bytes: 0,
            text: None,
            include: Vec::new(),
            shown: Shown::default(),
        }
    }

    /// The values collected since the last call of this function.
    pub(super) fn take(&mut self) -> Collected {
        (self.chunk_bytes, self.distinct_bytes, self.instruction_bytes) = (0, 0, 0);
        self.objects.clear();
        let mut chunks: Vec<_> = self.chunks.drain().collect();
        chunks.sort_unstable_by_key(|(_, index)| *index);
        let mut texts: Vec<_> = chunks.into_iter().map(|(chunk, _)| chunk).collect();
        texts.extend(self.text.take());
        Collected {
            manifests: mem::take(&mut self.manifests),
            texts,
            include: mem::take(&mut self.include),
            shown: mem::take(&mut self.shown),
        }
    }

    /// Checks the number of manifests, where it is known before they come.
    pub(super) fn count(&self, got: usize) -> Result<(), CodeError> {
        let max = self.limits.jobs;
        if got > max { Err(CodeError::TooManyJobs { got, max }) } else { Ok(()) }
    }

    /// The index of the next manifest.
    pub(super) fn next(&self) -> Result<usize, CodeError> {
        self.count(self.manifests.len() + 1).map(|()| self.manifests.len())
    }

    /// Takes one manifest.
    pub(super) fn emit(
        &mut self,
        chunk: Text,
        task: String,
        advice: String,
        expected: bool,
    ) -> Result<(), CodeError> {
        let bytes = chunk.as_ref().len();
        within("the text of all chunks together", &mut self.chunk_bytes, bytes, self.limits.chunks)?;
        let instructions = task.len() + advice.len();
        within(
            "the text of all tasks and advice together",
            &mut self.instruction_bytes,
            instructions,
            self.limits.instructions,
        )?;
        let chunk = match self.objects.get(&chunk.0.get_id()) {
            Some(known) => *known,
            None => self.index(chunk, bytes)?,
        };
        self.manifests.push(Manifest { chunk, task, advice, ids: [None; 3], expected });
        Ok(())
    }

    /// The index of a chunk of so many bytes that may be new.
    fn index(&mut self, chunk: Text, bytes: usize) -> Result<usize, CodeError> {
        let (next, object) = (self.chunks.len(), chunk.0.get_id());
        match self.chunks.entry(chunk) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => {
                let what =
                    "the text of all distinct chunks together, which are to be cut from the documents,";
                within(what, &mut self.distinct_bytes, bytes, self.limits.distinct_chunks)?;
                // The object is kept, so that no other one has its place.
                self.objects.insert(object, next);
                Ok(*new.insert(next))
            }
        }
    }

    /// Takes the text of `transform_outputs` and the flags of the jobs.
    pub(super) fn finish(&mut self, text: Text, include: Vec<Option<bool>>) -> Result<(), CodeError> {
        let (got, max) = (text.as_ref().len(), self.limits.output);
        if got > max {
            return Err(CodeError::TooLarge { what: "the text of transform_outputs".to_owned(), got, max });
        }
        (self.text, self.include) = (Some(text), include);
        Ok(())
    }
}

/// Adds `more` bytes to the sum, which may not exceed `max`.
fn within(what: &str, sum: &mut usize, more: usize, max: usize) -> Result<(), CodeError> {
    *sum += more;
    if *sum > max { Err(CodeError::TooLarge { what: what.to_owned(), got: *sum, max }) } else { Ok(()) }
}
