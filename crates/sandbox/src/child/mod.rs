//! The child: `minions-sandbox`, or `minions sandbox-child`. No other module names monty.
//!
//! The child reads requests from stdin and replies on stdout (see [`super::wire`]) until stdin ends. It trusts the
//! parent and runs untrusted code, so it first gives up every right that it does not need.

mod arguments;
mod ask;
mod confine;
mod exceptions;
mod functions;
mod interpreter;
mod report;
mod retrieval;
mod source;

use std::{
    io::{self, BufWriter, Read, Write},
    process::ExitCode,
    thread,
};

use minions_confined::{give_up_rights, wire};
use monty_types::MontyObject;

pub(crate) use self::confine::{short_memory, short_time};

use self::ask::Ask;
use self::interpreter::Interpreter;
use super::{
    CodeError, JobOutput,
    wire::{self as messages, JobRow, Manifest, Reply, Request},
};

/// The hidden subcommand under which `minions` becomes a sandbox child.
pub const CHILD_COMMAND: &str = "sandbox-child";

/// Bytes of the interpreter's stack. The interpreter recurses on it when Python code calls back into the interpreter,
/// such as a sort key that sorts. Only touched pages cost memory.
const STACK: usize = 256 << 20;

/// The whole life of a sandbox child. `main` must call it before it sets up anything else.
pub fn child_main() -> ExitCode {
    let served = thread::Builder::new().stack_size(STACK).spawn(|| {
        let mut output = BufWriter::with_capacity(1 << 16, io::stdout());
        if let Err(reason) = give_up_rights() {
            return wire::write(&mut output, &Reply::Unsafe(reason), &[""; 0]);
        }
        serve(&mut io::stdin().lock(), &mut output)
    });
    match served.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let reason = format!("no stack of {} MB: {error}", STACK >> 20);
            let _ = wire::write(&mut io::stdout(), &Reply::Unsafe(reason), &[""; 0]);
            ExitCode::FAILURE
        }
    }
}

/// Answers requests until the parent closes the pipe.
fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let Some((Request::Start { code, limits, search }, documents)) = messages::read(input)? else {
        return Ok(());
    };
    let size = documents.iter().map(String::len).sum();
    if let Err(reason) = confine::resources(&limits, size) {
        return wire::write(output, &Reply::Unsafe(reason), &[""; 0]);
    }
    wire::write(output, &Reply::Ready, &[""; 0])?;
    let started = Interpreter::start(
        &code,
        documents,
        limits,
        search,
        &mut Ask { input: &mut *input, output: &mut *output },
    );
    let mut interpreter = match started {
        Ok(interpreter) => interpreter,
        Err(error) => return wire::write(output, &Reply::Failed(error), &[""; 0]),
    };
    wire::write(output, &Reply::Started, &[""; 0])?;
    while let Some((request, texts)) = messages::read(input)? {
        let (reply, texts) = match request {
            Request::Start { .. } | Request::Answered(_) => return Ok(()),
            Request::Prepare { manifests, outputs } => prepare(
                &mut interpreter,
                &mut Ask { input: &mut *input, output: &mut *output },
                manifests,
                outputs,
                &texts,
            ),
            Request::Transform { jobs } => transform(
                &mut interpreter,
                &mut Ask { input: &mut *input, output: &mut *output },
                jobs,
                &texts,
            ),
        }
        .unwrap_or_else(|error| (Reply::Failed(error), Vec::new()));
        wire::write(output, &reply, &texts)?;
    }
    Ok(())
}

/// The outcome of a request: the reply and its texts.
type Outcome = Result<(Reply, Vec<String>), CodeError>;

fn prepare(
    interpreter: &mut Interpreter,
    ask: &mut Ask,
    manifests: Vec<Manifest>,
    outputs: Vec<JobOutput>,
    texts: &[String],
) -> Outcome {
    let manifests = MontyObject::List(manifests.into_iter().map(|row| manifest_row(row, texts)).collect());
    let outputs = MontyObject::List(outputs.into_iter().map(output_row).collect());
    let collected = interpreter.prepare_jobs(manifests, outputs, ask)?;
    Ok((Reply::Prepared(collected.manifests), collected.texts))
}

fn transform(interpreter: &mut Interpreter, ask: &mut Ask, jobs: Vec<JobRow>, texts: &[String]) -> Outcome {
    let row = |job: JobRow| {
        let include = job.include.map_or(MontyObject::None, MontyObject::Bool);
        let raw_reply = MontyObject::String(job.raw_reply);
        let counts = [job.agreed, job.samples].map(|count| MontyObject::Int(i64::from(count)));
        let mut row = vec![manifest_row(job.manifest, texts), output_row(job.output), raw_reply, include];
        row.extend(counts);
        MontyObject::Tuple(row)
    };
    let jobs = MontyObject::List(jobs.into_iter().map(row).collect());
    let collected = interpreter.transform_outputs(jobs, ask)?;
    Ok((Reply::Transformed { include: collected.include }, collected.texts))
}

fn manifest_row(manifest: Manifest, texts: &[String]) -> MontyObject {
    let chunk = texts.get(manifest.chunk).cloned().unwrap_or_default();
    let mut row: Vec<_> = [chunk, manifest.task, manifest.advice].map(MontyObject::String).into();
    // Ids are indices, far below the sign bit.
    row.extend(manifest.ids.map(|id| id.map_or(MontyObject::None, |id| MontyObject::Int(id as i64))));
    MontyObject::Tuple(row)
}

fn output_row(output: JobOutput) -> MontyObject {
    let text = |text: Option<String>| text.map_or(MontyObject::None, MontyObject::String);
    MontyObject::Tuple(vec![text(Some(output.explanation)), text(output.citation), text(output.answer)])
}
