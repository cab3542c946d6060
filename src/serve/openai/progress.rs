//! What happens in a run, in lines for people who watch a model think.

use std::collections::HashMap;

use crate::chat::Role;
use crate::events::{EventKind, Purpose, WorkerJobState};
use crate::job::JobRole;
use crate::words::count;

/// Characters of what a model says.
const LONGEST: usize = 400;
/// Between two lines on how many worker jobs are done, in parts of all.
const STEP: usize = 8;

/// Turns events into lines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    purposes: HashMap<u64, Purpose>,
    jobs: usize,
    ended: usize,
    told: usize,
}

impl Progress {
    /// The line of an event, with its line break; empty if there is nothing to say.
    pub(super) fn line(&mut self, event: &EventKind) -> String {
        let text = self.text(event);
        text.map_or(String::new(), |text| text + "\n")
    }

    fn text(&mut self, event: &EventKind) -> Option<String> {
        Some(match event {
            EventKind::Started { protocol, local, remote, .. } => {
                format!("Protocol {protocol}: worker {}, supervisor {}.", local.model_name, remote.model_name)
            }
            EventKind::Files { documents: Some(documents), .. } => {
                let chars: usize = documents.iter().map(|document| document.chars).sum();
                format!("Read: {} with {}.", count(documents.len(), "document"), count(chars, "character"))
            }
            EventKind::Pull { model, is_done: false, completed, total, .. } if *total > 0 => {
                let percent = completed * 100 / total;
                // A line for each tenth is enough.
                let tenth = usize::try_from(percent / 10).unwrap_or_default();
                if tenth <= self.told {
                    return None;
                }
                self.told = tenth;
                format!("Fetching {model}: {percent} %.")
            }
            EventKind::Understood { task } => format!("Understood as: {task}"),
            EventKind::Routing(report) => format!("Protocol {}: {}", report.chosen, report.reason),
            EventKind::Round { round, of } => {
                (self.jobs, self.ended, self.told) = (0, 0, 0);
                format!("Round {round} of at most {of}.")
            }
            EventKind::Call { call, side, purpose, .. } => {
                self.purposes.insert(*call, *purpose);
                if *purpose == Purpose::WorkerJob {
                    return None;
                }
                let what = purpose.words(*side);
                format!("{}{}.", what[..1].to_uppercase(), &what[1..])
            }
            EventKind::Message { call, side: JobRole::Worker, role, text } => {
                let is_of_fan_out =
                    call.is_some_and(|call| self.purposes.get(&call) == Some(&Purpose::WorkerJob));
                match role {
                    Role::Assistant if !is_of_fan_out => format!("The worker says: {}", short(text)),
                    _ => return None,
                }
            }
            EventKind::Program { jobs, error: None, .. } => {
                format!("The supervisor's program asks for {}.", count(*jobs, "worker job"))
            }
            EventKind::Program { error: Some(error), .. } => {
                format!("The supervisor's program failed: {}", short(error))
            }
            EventKind::WorkerJob(job) => match job.state {
                WorkerJobState::Waiting => {
                    self.jobs += 1;
                    return None;
                }
                WorkerJobState::Answered
                | WorkerJobState::None
                | WorkerJobState::Lost
                | WorkerJobState::Cancelled => {
                    self.ended += 1;
                    let part = self.ended * STEP / self.jobs.max(1);
                    if part <= self.told {
                        return None;
                    }
                    self.told = part;
                    format!("Done: {} of {}.", self.ended, count(self.jobs, "worker job"))
                }
                WorkerJobState::Cited => {
                    let source = job.source.as_deref().unwrap_or("a document");
                    let place = job.place.as_deref().map_or(String::new(), |place| format!(" {place}"));
                    format!(
                        "Found in {source}{place}: “{}”",
                        short(job.citation.as_deref().unwrap_or_default())
                    )
                }
                _ => return None,
            },
            EventKind::Warning { text } => format!("Warning: {text}"),
            _ => return None,
        })
    }
}

/// The beginning of `text` in one line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_line() {
        let mut progress = Progress::default();
        let call = |call, purpose| EventKind::Call {
            call,
            side: JobRole::Supervisor,
            purpose,
            endpoint: String::new(),
        };
        let says = |call, text: &str| EventKind::Message {
            call: Some(call),
            side: JobRole::Worker,
            role: Role::Assistant,
            text: text.to_owned(),
        };
        for (event, line) in [
            (EventKind::Round { round: 1, of: 3 }, "Round 1 of at most 3.\n"),
            (call(1, Purpose::Step), "The supervisor thinks.\n"),
            (call(2, Purpose::WorkerJob), ""),
            (says(2, "one of many"), ""),
            (call(3, Purpose::Reply), "The worker answers.\n"),
            (says(3, "It fell\nby 2 %."), "The worker says: It fell by 2 %.\n"),
            (EventKind::Warning { text: "w".to_owned() }, "Warning: w\n"),
            (EventKind::Egress { bytes: 1, other_bytes: 1, context_chars: 0, of_context_chars: 0 }, ""),
        ] {
            assert_eq!(progress.line(&event), line);
        }
    }
}
