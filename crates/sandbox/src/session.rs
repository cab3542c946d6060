//! The parent's side: starts the child, exchanges messages with it, kills it at the deadline.

use std::{fmt, io, sync::Arc, time::Duration};

use minions_confined::{Child, Death, wire};
use tokio::time::{error::Elapsed, timeout};

use super::{
    CodeError, HostCalls, JobManifest, JobOutput, JobRecord, SandboxError, SandboxExecutable, SandboxLimits,
    Search, Shown,
    child::{short_memory, short_time},
    host::Counted,
    limits::megabytes,
    set_ids,
    wire::{self as messages, JobRow, Manifest, Reply, Request, Texts},
};

/// The time beyond the child's own limit before it is killed. The child's own limit gives the better message.
const GRACE: Duration = Duration::from_millis(500);
/// Time to move a message, for each megabyte of it.
const TRANSFER_PER_MB: Duration = Duration::from_millis(50);
/// How long a child may take to start, on a machine that has much else to do.
const START_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a reply besides its texts, for tasks and advice.
const REPLY_HEAD: usize = 64 << 20;

/// Starts children that run code.
#[derive(Clone)]
pub struct Sandbox {
    /// The executable that each child runs.
    pub executable: SandboxExecutable,
    /// The limits of each child.
    pub limits: SandboxLimits,
    /// The retrieval function in the code's scope.
    pub search: Search,
    /// Answers the code's calls of the host; without it they fail.
    pub host: Option<Arc<dyn HostCalls>>,
    /// What the code knows the documents by, in their order; those without a name go by their numbers.
    pub names: Vec<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.child.id())
    }
}

/// A child that has no code yet. Dropping it kills the child.
pub struct Warm(Session);

impl fmt::Debug for Warm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Warm({:?})", self.0.child.id())
    }
}

/// One child with the supervisor's module loaded. Dropping it kills the child.
pub struct Session {
    child: Child,
    limits: SandboxLimits,
    host: Option<Arc<dyn HostCalls>>,
    /// Bytes of documents that the child holds.
    documents: usize,
    /// Whether the child lives and the code has begun.
    has_begun: bool,
    shown: Shown,
}

/// The result of `transform_outputs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformed {
    /// The text for the supervisor.
    pub text: String,
    /// The `include` flag of each job after the call, in the order of the jobs.
    pub include: Vec<Option<bool>>,
}

impl Sandbox {
    /// A sandbox with the default limits, no search, and no host calls.
    pub fn new(executable: SandboxExecutable) -> Self {
        Self {
            executable,
            limits: SandboxLimits::default(),
            search: Search::Off,
            host: None,
            names: Vec::new(),
        }
    }

    /// Whether this machine has room for a child: starts one and ends it.
    ///
    /// # Errors
    /// As [`Self::warm`].
    pub async fn check(&self) -> Result<(), SandboxError> {
        // The child is reaped here, so that nobody needs to hear of its end.
        self.warm().await?.0.child.end().await;
        Ok(())
    }

    /// Starts a child ahead of its code. It has its room then, and makes its interpreter without anybody waiting. Needs
    /// a tokio runtime with IO and time.
    ///
    /// # Errors
    /// [`SandboxError::Spawn`]; [`SandboxError::Machine`] where there is no room for it.
    pub async fn warm(&self) -> Result<Warm, SandboxError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
                SandboxError::Machine(format!("it has no room for the process: {source}"))
            }
            _ => SandboxError::Spawn { executable: self.executable.path().to_owned(), source },
        };
        let child = Child::start(&self.executable).await.map_err(failed)?;
        let (limits, host) = (self.limits.clone(), self.host.clone());
        let mut session =
            Session { child, limits, host, documents: 0, has_begun: false, shown: Shown::default() };
        let answer = timeout(START_TIME, messages::receive(&mut session.child.output, REPLY_HEAD)).await;
        match session.outcome(answer, START_TIME, "").await? {
            (Reply::Up, _) => Ok(Warm(session)),
            _ => Err(out_of_turn()),
        }
    }

    /// Starts a child, hands it the documents and runs the module's top level. Needs a tokio runtime with IO and time.
    ///
    /// # Errors
    /// That of the code, or of the machine.
    pub async fn start(&self, code: &str, documents: &[impl AsRef<str>]) -> Result<Session, SandboxError> {
        self.start_in(self.warm().await?, code, documents).await
    }

    /// As [`Self::start`], in a child that this sandbox started before.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_in(
        &self,
        warm: Warm,
        code: &str,
        documents: &[impl AsRef<str>],
    ) -> Result<Session, SandboxError> {
        let Warm(mut session) = warm;
        session.documents = documents.iter().map(|document| document.as_ref().len()).sum();
        session.limits = self.limits.for_documents(session.documents);
        let limits = session.limits.clone();
        let name = |at: usize| self.names.get(at).cloned().unwrap_or_else(|| format!("document {}", at + 1));
        let names = (0..documents.len()).map(name).collect();
        let request = Request::Start { code: code.to_owned(), limits, search: self.search, names };
        match session.call(&request, documents, 0).await? {
            (Reply::Started, _) => Ok(session),
            _ => Err(out_of_turn()),
        }
    }
}

impl Session {
    /// The child's process id, while it lives.
    pub fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What the code has shown with `show` so far.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Calls the code's `prepare_jobs`. The manifests come back numbered.
    pub async fn prepare_jobs(
        &mut self,
        previous: &[JobManifest],
        outputs: &[JobOutput],
    ) -> Result<Vec<JobManifest>, SandboxError> {
        let mut texts = Texts::default();
        let manifests = previous.iter().map(|manifest| texts.manifest(manifest)).collect();
        let request = Request::Prepare { manifests, outputs: outputs.to_vec() };
        match self.call(&request, &texts.into_list(), self.limits.distinct_chunks).await? {
            (Reply::Prepared { manifests, shown }, texts) if manifests.len() <= self.limits.jobs => {
                self.shown = shown;
                let mut manifests = expand(manifests, texts, self.limits.chunks).ok_or_else(out_of_turn)?;
                set_ids(&mut manifests);
                Ok(manifests)
            }
            _ => Err(out_of_turn()),
        }
    }

    /// Calls the code's `transform_outputs`, in the same child, with the globals that `prepare_jobs` left.
    pub async fn transform_outputs(&mut self, jobs: &[JobRecord]) -> Result<Transformed, SandboxError> {
        let mut texts = Texts::default();
        let row = |job: &JobRecord, manifest| JobRow {
            manifest,
            output: job.output.clone(),
            raw_reply: job.raw_reply.clone(),
            include: job.include,
            agreed: job.agreed,
            samples: job.samples,
            confirmed: job.confirmed,
            place: job.place.clone(),
        };
        let rows = jobs.iter().map(|job| row(job, texts.manifest(&job.manifest))).collect();
        let request = Request::Transform { jobs: rows };
        match self.call(&request, &texts.into_list(), self.limits.output).await? {
            (Reply::Transformed { include, shown }, mut texts)
                if include.len() == jobs.len() && texts.len() == 1 =>
            {
                self.shown = shown;
                Ok(Transformed { text: texts.remove(0), include })
            }
            _ => Err(out_of_turn()),
        }
    }

    /// Sends a request and receives its reply. After an error the child is dead.
    async fn call(
        &mut self,
        request: &Request,
        texts: &[impl AsRef<str>],
        reply: usize,
    ) -> Result<(Reply, Vec<String>), SandboxError> {
        let sent = texts.iter().map(|text| text.as_ref().len()).sum::<usize>();
        let deadline = self.limits.time + GRACE + TRANSFER_PER_MB * megabytes(sent + self.documents);
        let most = if self.host.is_some() { reply.max(self.limits.distinct_chunks) } else { reply };
        let most = most.saturating_add(REPLY_HEAD);
        let blocks: Vec<&[u8]> = texts.iter().map(|text| text.as_ref().as_bytes()).collect();
        let exchange = async {
            // A child that reads nothing may still have said why.
            let sent = wire::send(&mut self.child.input, request, &blocks).await;
            messages::receive(&mut self.child.output, most).await.map_err(|error| sent.err().unwrap_or(error))
        };
        let to_begin = if self.has_begun { deadline } else { deadline + START_TIME };
        let mut answer = timeout(to_begin, exchange).await;
        let mut host = Counted::new(self.host.as_deref());
        loop {
            answer = match answer {
                Ok(Ok((Reply::Ready, _))) => {
                    self.has_begun = true;
                    timeout(deadline, messages::receive(&mut self.child.output, most)).await
                }
                Ok(Ok((Reply::Call(call), texts))) => {
                    // The deadline does not cover the host's own time.
                    let answered = host.answer(call, texts).await;
                    let exchange = async {
                        wire::send(&mut self.child.input, &Request::Answered(answered), &[""; 0]).await?;
                        messages::receive(&mut self.child.output, most).await
                    };
                    timeout(deadline, exchange).await
                }
                _ => break,
            };
        }
        self.outcome(answer, to_begin, request.place()).await
    }

    /// The reply of a child that had `allowed` for its beginning. After an error the child is dead.
    async fn outcome(
        &mut self,
        answer: Result<io::Result<(Reply, Vec<String>)>, Elapsed>,
        allowed: Duration,
        place: &str,
    ) -> Result<(Reply, Vec<String>), SandboxError> {
        let failure = match answer {
            Ok(Ok((Reply::Failed(error), _))) => error.into(),
            Ok(Ok((Reply::Unsafe(reason), _))) => SandboxError::Machine(reason),
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => self.autopsy(&error, place).await,
            Err(_) if !self.has_begun => {
                SandboxError::Machine(format!("it did not start within {allowed:?}"))
            }
            Err(_) => CodeError::Timeout { limit: self.limits.time, at: place.to_owned() }.into(),
        };
        // The child is reaped here, so that no zombie is left.
        self.child.end().await;
        Err(failure)
    }

    /// Why the child stopped talking.
    async fn autopsy(&mut self, error: &io::Error, place: &str) -> SandboxError {
        // A child that is alive broke the protocol.
        let Some((status, death)) = self.child.death().await else {
            return SandboxError::Broken(error.to_string());
        };
        let at = place.to_owned();
        if !self.has_begun {
            return self.of_the_machine(&format!("it ended before it began ({status})"));
        }
        let memory = || short_memory(&self.limits, self.documents);
        let (code, what, short) = match death {
            Death::OutOfMemory => (
                CodeError::Memory { limit: self.limits.memory, at },
                "its memory ran out".to_owned(),
                memory(),
            ),
            Death::OutOfTime => {
                let limit = self.limits.time;
                (
                    CodeError::Timeout { limit, at },
                    "its CPU time ran out".to_owned(),
                    short_time(&self.limits),
                )
            }
            Death::Killed => {
                return self
                    .of_the_machine("it was killed (SIGKILL), as the kernel does where memory is short");
            }
            Death::Ended(signal) => {
                return self.of_the_machine(&format!("it was ended from outside ({signal})"));
            }
            Death::TooDeep => {
                let why = "it is nested too deeply".to_owned();
                (CodeError::Crashed { why, at }, String::new(), None)
            }
            Death::Crashed => {
                let why = status.to_string();
                (CodeError::Crashed { why, at }, format!("it crashed ({status})"), memory())
            }
        };
        match short {
            Some(short) => SandboxError::Machine(format!("{what} {place}; {short}")),
            None => code.into(),
        }
    }

    fn of_the_machine(&self, what: &str) -> SandboxError {
        let short = short_memory(&self.limits, self.documents);
        SandboxError::Machine(short.map_or_else(|| what.to_owned(), |short| format!("{what}; {short}")))
    }
}

/// The manifests with their chunks; `None` if an index is wrong or the chunks are too long together.
fn expand(rows: Vec<Manifest>, texts: Vec<String>, max: usize) -> Option<Vec<JobManifest>> {
    let texts: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
    let mut left = max;
    let one = |row: Manifest| {
        let chunk = texts.get(row.chunk)?;
        left = left.checked_sub(chunk.len())?;
        Some(JobManifest {
            chunk: Arc::clone(chunk),
            task: row.task,
            advice: row.advice,
            expected: row.expected,
            ..JobManifest::default()
        })
    };
    rows.into_iter().map(one).collect()
}

fn out_of_turn() -> SandboxError {
    SandboxError::Broken("an answer to another question".to_owned())
}
