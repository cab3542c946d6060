//! The child: `minions-sandbox`, or `minions sandbox-child`. No other module names RustPython.
//!
//! The child reads requests from stdin and replies on stdout (see [`super::wire`]) until stdin ends. It trusts the
//! parent and runs untrusted code, so it first gives up every right that it does not need. The interpreter is up before
//! there is code for it.

mod arguments;
mod ask;
mod confine;
mod functions;
mod interpreter;
mod native;
mod report;
mod retrieval;
mod source;
mod watch;

use std::{io, process::ExitCode, thread};

use minions_confined::give_up_rights;
use rustpython_vm::{PyObjectRef, VirtualMachine};

pub(crate) use self::confine::{short_memory, short_time};

use self::functions::Text;
use self::interpreter::{Interpreter, Loaded, Running};
use super::{
    CodeError, JobOutput,
    wire::{JobRow, Manifest, Reply, Request},
};

/// The hidden subcommand under which `minions` becomes a sandbox child.
pub const CHILD_COMMAND: &str = "sandbox-child";

/// Bytes of the interpreter's stack. The interpreter recurses on it when Python code calls back into the interpreter,
/// such as a sort key that sorts. Only touched pages cost memory.
const STACK: usize = 256 << 20;

/// The whole life of a sandbox child. `main` must call it before it sets up anything else.
pub fn child_main() -> ExitCode {
    if let Err(error) = watch::start() {
        return refuse(format!("no second thread: {error}"));
    }
    match thread::Builder::new().stack_size(STACK).spawn(live).map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => refuse(format!("no stack of {} MB: {error}", STACK >> 20)),
    }
}

/// Tells the parent why nothing can run here.
fn refuse(reason: String) -> ExitCode {
    let _ = unsafe_here(reason);
    ExitCode::FAILURE
}

fn unsafe_here(reason: String) -> io::Result<()> {
    ask::reply(&Reply::Unsafe(reason), &[""; 0])
}

fn live() -> io::Result<()> {
    if let Err(reason) = give_up_rights().and_then(|()| confine::room_for_an_interpreter()) {
        return unsafe_here(reason);
    }
    ask::reply(&Reply::Up, &[""; 0])?;
    match Interpreter::new().run(serve) {
        Ok(served) => served,
        Err(reason) => unsafe_here(format!("the interpreter does not start: {reason}")),
    }
}

/// Answers requests until the parent closes the pipe.
fn serve(running: Running) -> io::Result<()> {
    let Some((Request::Start { code, limits, search, names }, documents)) = ask::request()? else {
        return Ok(());
    };
    let size = documents.iter().map(String::len).sum();
    if let Err(reason) = confine::resources(&limits, size) {
        return unsafe_here(reason);
    }
    ask::reply(&Reply::Ready, &[""; 0])?;
    let loaded = match running.start(&code, (documents, names), limits, search) {
        Ok(loaded) => loaded,
        Err(error) => return ask::reply(&Reply::Failed(error), &[""; 0]),
    };
    ask::reply(&Reply::Started, &[""; 0])?;
    while let Some((request, texts)) = ask::request()? {
        let (reply, texts) = match request {
            Request::Start { .. } | Request::Answered(_) => return Ok(()),
            Request::Prepare { manifests, outputs } => prepare(&loaded, manifests, outputs, &texts),
            Request::Transform { jobs } => transform(&loaded, jobs, &texts),
        }
        .unwrap_or_else(|error| (Reply::Failed(error), Vec::new()));
        ask::reply(&reply, &texts)?;
    }
    Ok(())
}

/// The outcome of a request: the reply and its texts.
type Outcome = Result<(Reply, Vec<Text>), CodeError>;

fn prepare(loaded: &Loaded, manifests: Vec<Manifest>, outputs: Vec<JobOutput>, texts: &[String]) -> Outcome {
    let vm = loaded.vm();
    let manifests = list(manifests.into_iter().map(|row| manifest_row(row, texts, vm)), vm);
    let outputs = list(outputs.into_iter().map(|output| output_row(output, vm)), vm);
    let collected = loaded.prepare_jobs(manifests, outputs)?;
    Ok((Reply::Prepared { manifests: collected.manifests, shown: collected.shown }, collected.texts))
}

fn transform(loaded: &Loaded, jobs: Vec<JobRow>, texts: &[String]) -> Outcome {
    let vm = loaded.vm();
    let row = |job: JobRow| {
        let include = job.include.map_or(vm.ctx.none(), |include| vm.ctx.new_bool(include).into());
        let manifest = manifest_row(job.manifest, texts, vm);
        let counts = [job.agreed, job.samples].map(|count| vm.ctx.new_int(count).into());
        let mut row =
            vec![manifest, output_row(job.output, vm), vm.ctx.new_str(job.raw_reply).into(), include];
        row.extend(counts);
        row.push(vm.ctx.new_bool(job.confirmed).into());
        row.push(job.place.map_or(vm.ctx.none(), |place| vm.ctx.new_str(place).into()));
        vm.ctx.new_tuple(row).into()
    };
    let collected = loaded.transform_outputs(list(jobs.into_iter().map(row), vm))?;
    Ok((Reply::Transformed { include: collected.include, shown: collected.shown }, collected.texts))
}

fn list(rows: impl Iterator<Item = PyObjectRef>, vm: &VirtualMachine) -> PyObjectRef {
    vm.ctx.new_list(rows.collect()).into()
}

fn manifest_row(manifest: Manifest, texts: &[String], vm: &VirtualMachine) -> PyObjectRef {
    let chunk = texts.get(manifest.chunk).cloned().unwrap_or_default();
    let mut row: Vec<PyObjectRef> =
        [chunk, manifest.task, manifest.advice].map(|text| vm.ctx.new_str(text).into()).into();
    row.extend(manifest.ids.map(|id| id.map_or(vm.ctx.none(), |id| vm.ctx.new_int(id).into())));
    row.push(vm.ctx.new_bool(manifest.expected).into());
    vm.ctx.new_tuple(row).into()
}

fn output_row(output: JobOutput, vm: &VirtualMachine) -> PyObjectRef {
    let text = |text: Option<String>| text.map_or(vm.ctx.none(), |text| vm.ctx.new_str(text).into());
    let mut row = vec![text(Some(output.explanation)), text(output.citation), text(output.answer)];
    row.push(vm.ctx.new_bool(output.lost).into());
    vm.ctx.new_tuple(row).into()
}
