//! One Monty session: runs the prelude and the supervisor's module, then calls the module's functions.

use monty::{MontyRepl, ReplProgress, ReplStartError};
use monty_types::{
    CompileOptions, ExcType, MontyException, MontyObject, NameLookupResult, PrintWriter, ResourceLimits,
    ResourceTracker,
};

use super::{
    ask::Ask,
    exceptions::exception,
    functions::{Collected, Functions, HOST_FUNCTIONS},
    report::{Printed, Script},
    source,
};
use crate::{CodeError, SandboxLimits, Search};

const PRELUDE: &str = concat!(
    include_str!("prelude.py"),
    include_str!("shims.py"),
    include_str!("re_reader.py"),
    include_str!("re_module.py"),
    include_str!("builtins.py")
);
/// Monty's name for the second snippet, the module. Monty numbers snippets from 0, and the prelude is 0.
const SCRIPT: &str = "<python-input-1>";

/// The supervisor's code, loaded.
pub(super) struct Interpreter {
    /// `None` while a call runs, and after a call that cannot be resumed.
    repl: Option<MontyRepl>,
    functions: Functions,
    printed: Printed,
    limits: SandboxLimits,
    prepare_arity: usize,
    script: Script,
}

impl Interpreter {
    /// Runs the prelude and the module's top level.
    pub(super) fn start(
        code: &str,
        documents: Vec<String>,
        limits: SandboxLimits,
        search: Search,
        ask: &mut Ask,
    ) -> Result<Self, CodeError> {
        if code.len() > limits.code {
            return Err(CodeError::TooLarge { what: "the code".into(), got: code.len(), max: limits.code });
        }
        let module = source::adapt(code, &documents)?;
        let tracker = ResourceTracker::new(
            ResourceLimits::default()
                .max_duration(limits.time)
                .max_memory(limits.memory.saturating_add(documents.iter().map(String::len).sum()))
                .max_recursion_depth(limits.recursion)
                .max_suspensions(usize::MAX),
        );
        let mut this = Self {
            repl: Some(MontyRepl::new("supervisor", tracker, CompileOptions::default())),
            functions: Functions::new(limits.clone(), search),
            printed: Printed::default(),
            limits,
            prepare_arity: module.prepare_arity,
            script: Script { name: SCRIPT, source: code.to_owned() },
        };
        let host = HOST_FUNCTIONS.iter().copied().chain(search.function()).map(|name| {
            let function = MontyObject::Function { name: name.to_owned(), docstring: None };
            (name.to_owned(), function)
        });
        let documents = MontyObject::List(documents.into_iter().map(MontyObject::String).collect());
        let inputs = host.chain([("_minions_documents".to_owned(), documents)]).collect();
        this.run("", &source::with_builtins_of_its_own(PRELUDE), inputs, ask)?;
        this.run("at its top level", &module.code, vec![], ask)?;
        Ok(this)
    }

    /// Calls `prepare_jobs`. The prelude makes its arguments from these rows.
    pub(super) fn prepare_jobs(
        &mut self,
        manifests: MontyObject,
        outputs: MontyObject,
        ask: &mut Ask,
    ) -> Result<Collected, CodeError> {
        self.require("prepare_jobs")?;
        let arguments = [
            "_minions_copy(_minions_documents)",
            "_minions_manifests(_minions_m)",
            "_minions_outputs(_minions_o)",
        ];
        let arguments = arguments[..self.prepare_arity].join(", ");
        self.run(
            "in prepare_jobs",
            &format!("_minions_collect(prepare_jobs({arguments}))"),
            vec![("_minions_m".to_owned(), manifests), ("_minions_o".to_owned(), outputs)],
            ask,
        )?;
        Ok(self.functions.take())
    }

    /// Calls `transform_outputs`. `jobs` has a row for each job.
    pub(super) fn transform_outputs(
        &mut self,
        jobs: MontyObject,
        ask: &mut Ask,
    ) -> Result<Collected, CodeError> {
        self.require("transform_outputs")?;
        self.run(
            "",
            "_minions_given = _minions_jobs(_minions_rows)",
            vec![("_minions_rows".to_owned(), jobs)],
            ask,
        )?;
        self.run(
            "in transform_outputs",
            "_minions_finish(transform_outputs(_minions_copy(_minions_given)), _minions_given)",
            vec![],
            ask,
        )?;
        Ok(self.functions.take())
    }

    fn require(&self, name: &str) -> Result<(), CodeError> {
        let found = self.repl.as_ref().is_some_and(|repl| repl.has_function(name));
        if found { Ok(()) } else { Err(CodeError::Missing(name.to_owned())) }
    }

    /// Runs one snippet to its end, and answers its calls of the child's functions.
    fn run(
        &mut self,
        place: &str,
        code: &str,
        inputs: Vec<(String, MontyObject)>,
        ask: &mut Ask,
    ) -> Result<(), CodeError> {
        let Some(mut repl) = self.repl.take() else {
            return Err(CodeError::Crashed("it was stopped before".to_owned()));
        };
        repl.tracker_mut().set_max_duration(self.limits.time);
        let Self { printed, functions, .. } = self;
        let mut progress = repl.feed_start(code, inputs, PrintWriter::Callback(printed));
        loop {
            progress = match progress {
                Ok(ReplProgress::Complete { repl, .. }) => {
                    self.repl = Some(repl);
                    return Ok(());
                }
                Ok(ReplProgress::FunctionCall(mut call)) => {
                    let (args, kwargs) = (std::mem::take(&mut call.args), std::mem::take(&mut call.kwargs));
                    match functions.call(&call.function_name, args, kwargs, ask)? {
                        Ok(value) => call.resume(value, PrintWriter::Callback(printed)),
                        Err(exception) => call.resume(exception, PrintWriter::Callback(printed)),
                    }
                }
                Ok(ReplProgress::OsCall(call)) => {
                    let denied = denied(call.function_call.name());
                    call.resume(denied, PrintWriter::Callback(printed))
                }
                Ok(ReplProgress::NameLookup(lookup)) => {
                    lookup.resume(NameLookupResult::Undefined, PrintWriter::Callback(printed))
                }
                Ok(ReplProgress::ResolveFutures(futures)) => {
                    let error = exception(
                        ExcType::RuntimeError,
                        "nothing to wait for: the functions here are not async",
                    );
                    futures.abort(error, PrintWriter::Callback(printed))
                }
                Err(failed) => {
                    let ReplStartError { error, .. } = *failed;
                    return Err(self.script.failure(&error, place, &self.limits, printed.take()));
                }
            }
        }
    }
}

fn denied(what: &str) -> MontyException {
    exception(
        ExcType::PermissionError,
        &format!(
            "{what}: there are no files, processes, network, environment or clock here; the documents are in `context`"
        ),
    )
}
