//! `minions submit`: jobs into the queue.

use std::collections::HashSet;
use std::path::PathBuf;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use minions::chat::secrets::Redactor;
use minions::engine::{Engine, RunLimits};
use minions::error::{Exit, Failure};
use minions::job::{self, Job, JobRole};
use minions::words::count;
use minions_queue::{self as queue, Address, Limits, Queue, Submitted};
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};

use super::budget;
use super::failure;
use super::options::SubmitOptions;
use super::trees::Trees;
use crate::cli::Source;
use crate::cli::batch::{Named, Names};
use crate::cli::program::Program;

/// Jobs that are on their way at the same time.
const AT_ONCE: usize = 64;

/// A job that may go, with its files: the SHA-256 and the path of each.
struct Ready {
    line: usize,
    job: queue::Job,
    files: Vec<(String, PathBuf)>,
}

/// What jobs are held to.
struct Rules {
    /// For the jobs' form alone.
    engine: Engine,
    redactor: Redactor,
    /// Whether the queue has a budget of dollars.
    has_dollars: bool,
}

/// What came of the jobs.
#[derive(Default)]
struct Sum {
    new: usize,
    again: usize,
    there: usize,
    refused: usize,
    files: usize,
}

/// `minions submit`.
pub(super) async fn submit(
    program: Program,
    options: SubmitOptions,
    address: Address,
) -> Result<Exit, Failure> {
    let source = Source::of(options.file.or(options.input));
    let queue = Queue::make(address.clone()).await.map_err(failure)?;
    if let Some(silence) = options.lost_after {
        queue.set_lost_after(silence).await.map_err(failure)?;
    }
    let limits = Limits {
        tokens: options.remote_tokens,
        usd: options.usd,
        requests_per_minute: options.requests_per_minute,
    };
    if !limits.is_none() {
        queue.set_limits(limits).await.map_err(failure)?;
    }
    let budget = queue.budget().await.map_err(failure)?;
    let has_dollars = budget.as_ref().is_some_and(|budget| budget.limits.usd.is_some());
    let rules = Rules {
        engine: program.engine(true, RunLimits::default()),
        redactor: program.redactor.clone(),
        has_dollars,
    };
    let (sender, mut ready) = channel(AT_ONCE);
    let reading = tokio::task::spawn_blocking(move || read(&source, &rules, &sender));
    let (mut sum, mut kept, mut sending) = (Sum::default(), HashSet::new(), FuturesUnordered::new());
    loop {
        tokio::select! {
            next = ready.recv(), if sending.len() < AT_ONCE => match next {
                None => break,
                Some(Err(problem)) => {
                    tracing::error!("{problem}");
                    sum.refused += 1;
                }
                Some(Ok(Ready { line, job, files })) => {
                    for (sha256, path) in files {
                        if kept.insert(sha256.clone()) {
                            sum.files += usize::from(queue.keep_file(&sha256, &path).await.map_err(failure)?);
                        }
                    }
                    let queue = queue.clone();
                    sending.push(async move { (line, queue.submit(&job).await, job.custom_id) });
                }
            },
            Some((line, sent, id)) = sending.next() => sum.add(line, sent.map_err(failure)?, &id),
        }
    }
    while let Some((line, sent, id)) = sending.next().await {
        sum.add(line, sent.map_err(failure)?, &id);
    }
    reading.await.unwrap_or_else(|error| Err(error.into()))?;
    let Sum { new, again, there, refused, files } = sum;
    tracing::info!(
        "{address}: {} submitted, {again} of them again as they had failed, {there} there already, {refused} refused; {} \
         sent{}",
        count(new + again, "job"),
        count(files, "file"),
        budget::told(budget.as_ref()).map_or_else(String::new, |told| format!("; {told}"))
    );
    Ok(if refused > 0 { Exit::SomeFailed } else { Exit::Success })
}

impl Sum {
    fn add(&mut self, line: usize, submitted: Submitted, id: &str) {
        match submitted {
            Submitted::New => self.new += 1,
            Submitted::Again => self.again += 1,
            Submitted::There => self.there += 1,
            Submitted::Differs => {
                self.refused += 1;
                tracing::error!(
                    "line {line}: the queue has a job {id:?} with another content; take another queue, or another custom_id"
                );
            }
        }
    }
}

/// Hands over each job of `source` that may go, or what is wrong with it. Blocks.
fn read(source: &Source, rules: &Rules, ready: &Sender<Result<Ready, String>>) -> Result<(), Failure> {
    let mut pieces = source.pieces()?;
    let (mut names, mut trees) = (Names::new(source.folder()), Trees::new(source.folder()));
    loop {
        let piece = pieces
            .next()
            .map_err(|error| Failure::system(format!("the rest of the input can't be read: {error}")))?;
        let Some(piece) = piece else { return Ok(()) };
        let named = names.named(&piece);
        let line = piece.line;
        let job = checked(named, rules, &mut trees, source.folder());
        let job = job.map(|(job, files)| Ready { line, job, files });
        // Nobody takes them any more.
        let Ok(()) = ready.blocking_send(job.map_err(|failure| format!("line {line}: {failure}"))) else {
            return Ok(());
        };
    }
}

/// The job with its files, if other machines can do it.
fn checked(
    Named { custom_id, hash, bare, .. }: Named,
    Rules { engine, redactor, has_dollars }: &Rules,
    trees: &mut Trees,
    folder: Option<PathBuf>,
) -> Result<(queue::Job, Vec<(String, PathBuf)>), Failure> {
    let bare = bare?;
    let job = engine.job(bare.clone())?;
    may_travel(&job, &bare, redactor, folder)?;
    if *has_dollars && job.prices.is_none() && job.protocol.asks(JobRole::Supervisor) {
        return Err(Failure::input("the queue has a budget in dollars, and the job has no prices")
            .hint("give it `protocol.kwargs.prices`, dollars per million tokens"));
    }
    let (mut found, mut files) = (Vec::new(), Vec::new());
    for path in job::paths(&bare) {
        let (tree, paths) = trees.at(path).map_err(Failure::input)?;
        files.extend(tree.files.iter().map(|file| file.sha256.clone()).zip(paths));
        found.push(tree);
    }
    Ok((queue::Job { custom_id, hash, job: bare, trees: found }, files))
}

/// Whether a job names nothing that must stay on this machine, or is only here.
fn may_travel(job: &Job, bare: &Value, redactor: &Redactor, folder: Option<PathBuf>) -> Result<(), Failure> {
    let has_own = [&job.local, &job.remote].iter().any(|side| !side.secrets().is_empty());
    // One of this machine's environment may stand anywhere.
    if has_own || redactor.is_in(&bare.to_string()) {
        return Err(Failure::input("the job holds a key, and keys don't travel")
            .hint("leave it out; each worker takes its own from its environment, such as OPENAI_API_KEY"));
    }
    let folder = folder.unwrap_or_default();
    let stays = |what: &str, remedy: &str| Err(Failure::input(format!("{what} don't travel")).hint(remedy));
    if job.images.iter().any(|image| folder.join(image).is_file()) {
        return stays("images in files", "give them as base64");
    }
    if !job.prompts.is_empty() {
        return stays("prompts in files", "leave `prompts` out of `kwargs`");
    }
    if job.session().is_some() || bare.get("session").is_some() {
        return stays("sessions", "leave `session` out, or run the job with `minions batch`");
    }
    Ok(())
}
