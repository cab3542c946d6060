//! `minions collect`: results out of the queue, each once.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use minions::error::{Exit, Failure};
use minions::words;
use minions_queue::{Address, Counts, Queue, Tally};
use ring::digest::{SHA256, digest};

use super::budget;
use super::failure;
use super::options::CollectOptions;
use crate::cli::batch::Earlier;

/// Between two looks for results.
const PAUSE: Duration = Duration::from_millis(200);

/// How long no worker may have had a job before none is taken to come; they tell every five seconds.
const IDLE: Duration = Duration::from_secs(6);

/// `minions collect`.
pub(super) async fn collect(options: CollectOptions, address: Address) -> Result<Exit, Failure> {
    let hash = |line: &[u8]| digest(&SHA256, line.trim_ascii()).as_ref().to_vec();
    let (mut seen, mut before) = (HashSet::new(), &b""[..]);
    if let Some(path) = &options.resume {
        let earlier = Earlier::read_with(path, |line| {
            seen.insert(hash(line));
        })?;
        before = earlier.prepare(&io::stdout()).unwrap_or_else(|error| {
            tracing::debug!("what the output holds already is not known: {error}");
            b""
        });
    }
    let queue = Queue::open(address.clone()).await.map_err(failure)?;
    let (mut place, mut written, mut ended) = (0, 0, None);
    let mut idle_since = None;
    let counts = loop {
        if let Some((next, line)) = queue.result_after(place).await.map_err(failure)? {
            place = next;
            if seen.insert(hash(&line)) {
                let bytes = [std::mem::take(&mut before), &line[..]].concat();
                let mut stdout = io::stdout().lock();
                stdout.write_all(&bytes).and_then(|()| stdout.flush()).map_err(|error| {
                    Failure::system(format!("stdout can't be written to: {}", words::of_io(&error)))
                })?;
                written += 1;
            }
            continue;
        }
        if let Some(counts) = ended {
            break counts;
        }
        let counts = queue.counts().await.map_err(failure)?;
        if !options.follow || counts.jobs > 0 && counts.ended >= counts.jobs {
            // What came between the look and the count is still to be written.
            ended = Some(counts);
            continue;
        }
        if !queue.budget().await.map_err(failure)?.is_some_and(|budget| budget.is_used_up) {
            idle_since = None;
        } else if counts.running == 0 || is_idle(&queue, &mut idle_since).await? {
            ended = Some(counts);
            continue;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let Tally { succeeded, failed, .. } = queue.tally().await.map_err(failure)?;
    let Counts { jobs, ended, .. } = counts;
    let budget = budget::told(queue.budget().await.map_err(failure)?.as_ref());
    let budget = budget.map_or_else(String::new, |told| format!("; {told}"));
    tracing::info!(
        "{address}: {written} written; {ended} of {jobs} jobs have ended, {succeeded} done and {failed} failed{budget}"
    );
    Ok(if ended < jobs || failed > 0 { Exit::SomeFailed } else { Exit::Success })
}

/// Whether no worker has had a job for some time: those that were handed back, and that nobody takes, count as running.
async fn is_idle(queue: &Queue, since: &mut Option<Instant>) -> Result<bool, Failure> {
    let workers = queue.workers().await.map_err(failure)?;
    if workers.iter().any(|worker| worker.running > 0) {
        *since = None;
        return Ok(false);
    }
    Ok(since.get_or_insert_with(Instant::now).elapsed() >= IDLE)
}
