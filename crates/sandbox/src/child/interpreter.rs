//! The interpreter, and the supervisor's code in it.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustpython_vm::builtins::{PyInt, PyStr};
use rustpython_vm::common::rc::PyRc;
use rustpython_vm::signal::user_signal_channel;
use rustpython_vm::{AsObject, PyObjectRef, PyResult, Settings, VirtualMachine};

use super::functions::{Collected, Functions};
use super::native::{self, HOST};
use super::report::{Raised, Script};
use super::{source, watch};
use crate::{CodeError, SandboxLimits, Search};

/// The native modules. No other one is there: not those of the system, nor those that look into the interpreter.
#[rustfmt::skip]
const NATIVE: &[&str] = &[
    "_abc", "_ast", "_bisect", "_blake2", "_codecs", "_collections", "_contextvars", "_csv", "_datetime", "_functools", "_hashlib",
    "_heapq", "_imp", "_io", "_json", "_locale", "_md5", "_minions", "_opcode", "_operator", "_queue", "_random", "_sha1", "_sha2",
    "_sha256", "_sha3", "_sha512", "_sre", "_stat", "_statistics", "_string", "_struct", "_suggestions", "_tokenize", "_types", "_typing",
    "_warnings", "_weakref", "array", "atexit", "binascii", "cmath", "errno", "itertools", "marshal", "math", "time",
    "unicodedata", "zlib",
];

/// An interpreter in which our own Python has run.
pub(super) struct Interpreter {
    vm: rustpython_vm::Interpreter,
}

/// The interpreter while it runs, with our own functions.
pub(super) struct Running<'a> {
    vm: &'a VirtualMachine,
    host: PyObjectRef,
}

/// The supervisor's code, loaded.
pub(super) struct Loaded<'a> {
    running: Running<'a>,
    script: &'static Script,
    limits: SandboxLimits,
}

impl Interpreter {
    /// An interpreter without a system, whose hashes are the same in each run.
    pub(super) fn new() -> Self {
        let mut settings = Settings::default();
        settings.install_signal_handlers = false;
        settings.isolated = true;
        settings.ignore_environment = true;
        settings.import_site = false;
        settings.user_site_directory = false;
        settings.write_bytecode = false;
        settings.safe_path = true;
        settings.allow_external_library = false;
        settings.hash_seed = Some(0);
        let (alarm, listener) = user_signal_channel();
        watch::listen(alarm);
        let builder = rustpython_vm::Interpreter::builder(settings);
        let mut modules = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
        modules.push(native::_minions::module_def(&builder.ctx));
        modules.push(native::marshal::module_def(&builder.ctx));
        let vm = builder
            .add_native_modules(&modules)
            .add_frozen_modules(minions_python::LIBRARY)
            .init_hook(move |vm| {
                vm.set_user_signal_channel(listener);
                if let Some(state) = PyRc::get_mut(&mut vm.state) {
                    state.module_defs.retain(|name, _| NATIVE.contains(name));
                    state.config.paths.stdlib_dir = None;
                    state.config.paths.module_search_paths = Vec::new();
                }
            })
            .build();
        Self { vm }
    }

    /// Runs our own Python, then `work`. An error is about ourselves.
    pub(super) fn run<T>(&self, work: impl FnOnce(Running) -> T) -> Result<T, String> {
        self.vm.enter(|vm| {
            let host = own_python(vm).map_err(|error| {
                let mut words = String::new();
                let _ = vm.write_exception(&mut words, &error);
                words
            })?;
            Ok(work(Running { vm, host }))
        })
    }
}

/// Runs `prelude.py`, then `host.py` and what belongs to its scope, and gives the names of that scope.
fn own_python(vm: &VirtualMachine) -> PyResult {
    let host = vm.new_scope_with_builtins();
    vm.run_string(host.clone(), include_str!("python/host.py"), "<host>")?;
    vm.run_string(host.clone(), include_str!("python/pydantic.py"), "<host>")?;
    vm.run_string(host.clone(), include_str!("python/show.py"), "<host>")?;
    let prelude = vm.new_scope_with_builtins();
    vm.run_string(prelude.clone(), include_str!("python/prelude.py"), "<prelude>")?;
    let host: PyObjectRef = host.globals.into();
    host.get_item("prepare_scope", vm)?.call((prelude.globals,), vm)?;
    Ok(host)
}

impl<'a> Running<'a> {
    /// Runs the module's top level.
    pub(super) fn start(
        self,
        code: &str,
        (documents, names): (Vec<String>, Vec<String>),
        limits: SandboxLimits,
        search: Search,
    ) -> Result<Loaded<'a>, CodeError> {
        if code.len() > limits.code {
            return Err(CodeError::TooLarge { what: "the code".into(), got: code.len(), max: limits.code });
        }
        let vm = self.vm;
        vm.recursion_limit.set(limits.recursion);
        HOST.with_borrow_mut(|host| host.functions = Some(Functions::new(limits.clone())));
        let code = code.strip_prefix('\u{feff}').unwrap_or(code);
        // It lives as long as the process.
        let script: &'static Script = Box::leak(Box::new(Script(code.to_owned())));
        let list = |texts: Vec<String>| -> PyObjectRef {
            vm.ctx.new_list(texts.into_iter().map(|text| vm.ctx.new_str(text).into()).collect()).into()
        };
        let function = search.function().map_or(vm.ctx.none(), |name| vm.ctx.new_str(name).into());
        let source = vm.ctx.new_str(source::adapted(code)).into();
        let arguments = vec![source, list(documents), list(names), function];
        let loaded = Loaded { running: self, script, limits };
        loaded.call("at its top level", "begin", arguments)?;
        Ok(loaded)
    }
}

impl Loaded<'_> {
    /// Makes Python values.
    pub(super) fn vm(&self) -> &VirtualMachine {
        self.running.vm
    }

    /// Calls `prepare_jobs`. Our own Python makes its arguments from these rows.
    pub(super) fn prepare_jobs(
        &self,
        manifests: PyObjectRef,
        outputs: PyObjectRef,
    ) -> Result<Collected, CodeError> {
        self.require("prepare_jobs")?;
        self.call("in prepare_jobs", "call_prepare", vec![manifests, outputs])
    }

    /// Calls `transform_outputs`. `jobs` has a row for each job.
    pub(super) fn transform_outputs(&self, jobs: PyObjectRef) -> Result<Collected, CodeError> {
        self.require("transform_outputs")?;
        self.call("in transform_outputs", "call_transform", vec![jobs])
    }

    fn require(&self, name: &str) -> Result<(), CodeError> {
        let vm = self.vm();
        let found = self.function("has").and_then(|has| has.call((vm.ctx.new_str(name),), vm));
        if found.is_ok_and(|found| found.is(&vm.ctx.true_value)) {
            Ok(())
        } else {
            Err(CodeError::Missing(name.to_owned()))
        }
    }

    fn function(&self, name: &str) -> PyResult {
        self.running.host.get_item(name, self.vm())
    }

    /// Calls a function of our own that runs the code, within the code's time.
    fn call(
        &self,
        place: &'static str,
        function: &str,
        arguments: Vec<PyObjectRef>,
    ) -> Result<Collected, CodeError> {
        let vm = self.vm();
        let run = || self.function(function).and_then(|function| function.call(arguments, vm));
        let outcome = watch::timed(place, self.script, &self.limits, || catch_unwind(AssertUnwindSafe(run)));
        let outcome = outcome.map_err(|panic| self.crash(panic.as_ref(), place))?;
        let (failure, printed, collected) = HOST.with_borrow_mut(|host| {
            let printed = if matches!(&outcome, Ok(value) if vm.is_none(value)) {
                String::new()
            } else {
                host.printed.take()
            };
            let collected = host.functions.as_mut().map(Functions::take).unwrap_or_default();
            (mem::take(&mut host.failure), printed, collected)
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        let raised = match outcome {
            Ok(value) if vm.is_none(&value) => return Ok(collected),
            Ok(value) => raised(&value, vm),
            // The stack was too short even for what catches exceptions.
            Err(error) => {
                let kind = error.class().name().to_string();
                Raised { kind, words: String::new(), places: Vec::new() }
            }
        };
        Err(self.script.failure(&raised, place, &self.limits, printed))
    }

    /// The error for a panic of the interpreter, whose frames still stand where it happened.
    fn crash(&self, panic: &(dyn Any + Send), place: &str) -> CodeError {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let why = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned();
        let at = self.script.places(&watch::places(self.vm()));
        CodeError::Crashed { why, at: if at.is_empty() { place.to_owned() } else { at } }
    }
}

/// Reads what `attempt` of `host.py` gives: the kind, the words, and pairs of a line and a name.
fn raised(value: &PyObjectRef, vm: &VirtualMachine) -> Raised {
    let item = |value: &PyObjectRef, index: usize| value.get_item(&index, vm).ok();
    let text = |value: Option<PyObjectRef>| {
        value
            .as_ref()
            .and_then(|value| value.downcast_ref::<PyStr>())
            .map(|text| text.to_string_lossy().into_owned())
    };
    let place = |place: PyObjectRef| {
        let line = item(&place, 0)?.downcast_ref::<PyInt>()?.try_to_primitive(vm).ok()?;
        Some((line, text(item(&place, 1))?))
    };
    let places = item(value, 2).and_then(|places| places.try_to_value::<Vec<PyObjectRef>>(vm).ok());
    Raised {
        kind: text(item(value, 0)).unwrap_or_default(),
        words: text(item(value, 1)).unwrap_or_default(),
        places: places.unwrap_or_default().into_iter().filter_map(place).collect(),
    }
}
