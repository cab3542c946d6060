//! The work of one batch.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::batch::Batch;
use super::lines::{self, Line};
use crate::serve::error::ApiError;
use crate::serve::files::{Files, Incoming};
use crate::serve::openai;
use crate::serve::outcome::{Held, outcome};
use crate::serve::owner::Owner;
use crate::serve::run::{Admitted, Run};
use crate::serve::service::Service;
use crate::serve::stored::StoredFile;
use crate::sync::beside_runtime;

/// Runs of one batch at the same time.
const AT_ONCE: usize = 8;

/// What came of a line.
enum Ended {
    Answered(String),
    Failed(String),
}

/// Makes the requests of `file`, and keeps their lines as files of the batch's owner.
pub(super) async fn work(service: Arc<Service>, batch: Arc<Batch>, file: Arc<StoredFile>) {
    let endpoint = batch.endpoint.clone();
    let path = file.path().to_owned();
    let read = beside_runtime(move || {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![json!({"code": "invalid_file", "message": error.to_string(), "param": null, "line": null})]
        })?;
        lines::read(&text, &endpoint)
    });
    let lines = match read.await {
        Ok(lines) => lines,
        Err(problems) => return batch.refuse(problems),
    };
    let mut results = match Results::begin(&service.files, &batch.owner).await {
        Ok(results) => results,
        Err(error) => return batch.refuse(vec![problem(error)]),
    };
    batch.begin(lines.len());
    let mut refusal = None;
    let mut under_way = stream::iter(lines).map(|line| one(&service, &batch, line)).buffer_unordered(AT_ONCE);
    while let Some(ended) = under_way.next().await {
        batch.count(matches!(ended, Ended::Answered(_)));
        let written = match ended {
            Ended::Answered(line) => results.answers.write(line.into()).await,
            Ended::Failed(line) => results.failures.write(line.into()).await,
        };
        if let Err(error) = written {
            // Nothing more is paid that can't be kept.
            refusal = Some(error);
            break;
        }
    }
    drop(under_way);
    let Results { answers, failures } = results;
    let (output, errors) = (kept(answers, "output").await, kept(failures, "errors").await);
    let (mut ids, mut problems) = ([None, None], Vec::from_iter(refusal.map(problem)));
    for (id, kept) in ids.iter_mut().zip([output, errors]) {
        match kept {
            Ok(kept) => *id = kept,
            Err(error) => problems.push(problem(error)),
        }
    }
    let [output, errors] = ids;
    batch.keep(output, errors);
    if problems.is_empty() { batch.end() } else { batch.refuse(problems) }
}

/// The files of a batch, which have their place before the first request is made.
struct Results<'f> {
    answers: Incoming<'f>,
    failures: Incoming<'f>,
}

impl<'f> Results<'f> {
    async fn begin(files: &'f Files, owner: &Owner) -> Result<Self, ApiError> {
        Ok(Self { answers: files.begin(owner).await?, failures: files.begin(owner).await? })
    }
}

/// The id of a file of lines; `None` if there are none.
async fn kept(lines: Incoming<'_>, name: &str) -> Result<Option<String>, ApiError> {
    if lines.is_empty() {
        return Ok(None);
    }
    let stored = lines.end(&format!("batch_{name}.jsonl"))?.keep().await?;
    stored.is_for("batch_output");
    Ok(Some(stored.id.clone()))
}

/// An error as a batch lists it.
fn problem(error: ApiError) -> Value {
    let ApiError { code, message, hint, .. } = error;
    let message = hint.map_or_else(|| message.clone(), |hint| format!("{message}: {hint}"));
    json!({"code": code, "message": message, "param": null, "line": null})
}

/// Makes one request.
async fn one(service: &Arc<Service>, batch: &Batch, line: Line) -> Ended {
    let Line { custom_id, body } = line;
    tokio::select! {
        biased;
        () = batch.cancelled() => Ended::Failed(lines::cancelled(&custom_id)),
        ended = asked(service, batch, &custom_id, body) => ended,
    }
}

async fn asked(service: &Arc<Service>, batch: &Batch, custom_id: &str, body: Value) -> Ended {
    if body["stream"] == true {
        let error = ApiError::bad("a request of a batch is not streamed").param("stream");
        return Ended::Failed(lines::failure(custom_id, None, &error));
    }
    let begun = match batch.endpoint.as_str() {
        "/v1/minions" => job(service, &batch.owner, body).await,
        _ => openai::begin(service, &batch.owner, body, true).await.map(Begun::Chat),
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(error) => return Ended::Failed(lines::failure(custom_id, None, &error)),
    };
    let run = Arc::clone(match &begun {
        Begun::Chat(chat) => &chat.run,
        Begun::Job(run) => run,
    });
    let held = Held::new(service, &run);
    let answer = match &begun {
        Begun::Chat(chat) => openai::whole(chat).await,
        Begun::Job(run) => {
            outcome(run).await.map(|result| json!({"success": true, "result": result, "error": null}))
        }
    };
    drop(held);
    match answer {
        Ok(body) => Ended::Answered(lines::answer(custom_id, &run.id, &body)),
        Err(error) => Ended::Failed(lines::failure(custom_id, Some(&run.id), &error)),
    }
}

enum Begun {
    Chat(openai::Begun),
    Job(Arc<Run>),
}

async fn job(service: &Arc<Service>, owner: &Owner, body: Value) -> Result<Begun, ApiError> {
    let admitted = Admitted { is_of_batch: true, ..service.checked(owner, body, false).await? };
    service.submit(owner, admitted, None).map(Begun::Job)
}
