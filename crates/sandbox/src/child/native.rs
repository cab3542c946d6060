//! The native module `_minions`, by which our own Python and the code's chunkers reach the host, and the one that stands in
//! for `marshal`.

use std::cell::RefCell;
use std::rc::Rc;

use regex::Regex;
use rustpython_vm::PyObjectRef;

use super::functions::Functions;
use super::report::Printed;
use crate::CodeError;

/// What the functions of the module work with. The interpreter has one thread.
#[derive(Default)]
pub(super) struct Host {
    /// `None` before there is a program.
    pub functions: Option<Functions>,
    pub printed: Printed,
    /// Why the session must end, whatever the code makes of the exception.
    pub failure: Option<CodeError>,
    /// Python's `compile`.
    compile: Option<PyObjectRef>,
    /// What was looked for last: a pattern is looked for in one text after the other.
    sought: Option<Sought>,
}

/// A pattern, compiled if it can be looked for without backtracking.
struct Sought {
    pattern: String,
    passes_lines: bool,
    regex: Option<Rc<Regex>>,
}

/// Bytes that a compiled pattern may have.
const COMPILED: usize = 32 << 20;

thread_local! {
    pub(super) static HOST: RefCell<Host> = RefCell::default();
}

#[rustpython_vm::pymodule]
pub(super) mod _minions {
    use minions_documents as documents;
    use rustpython_vm::builtins::{PyBytes, PyList, PyStr, PyStrRef, PyTypeRef};
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

    use std::rc::Rc;

    use regex::{Regex, RegexBuilder};

    use super::{COMPILED, HOST, Sought};
    use crate::child::arguments::{bind, count as whole, text as checked, texts, utf8};
    use crate::child::functions::{Functions, Text};
    use crate::child::retrieval::retrieve;
    use crate::{CodeError, Search, Shown};

    #[pyfunction]
    fn printed(text: PyStrRef) {
        HOST.with_borrow_mut(|host| host.printed.push(&text.to_string_lossy()));
    }

    /// Python's own function, for source texts alone: a tree of syntax can hold what no source text can.
    #[pyfunction]
    fn compile(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let source = args.args.first().or_else(|| args.kwargs.get("source"));
        let is_text = source.is_some_and(|source| {
            source.downcast_ref::<PyStr>().is_some() || source.downcast_ref::<PyBytes>().is_some()
        });
        if !is_text {
            return Err(vm.new_type_error("compile() takes a text here"));
        }
        let real = HOST.with_borrow_mut(|host| host.compile.clone());
        match real {
            Some(real) => real.call_with_args(args, vm),
            None => Err(vm.new_runtime_error("compile() is not there")),
        }
    }

    /// Keeps Python's own `compile`.
    #[pyfunction]
    fn keep_compile(function: PyObjectRef) {
        HOST.with_borrow_mut(|host| host.compile = Some(function));
    }

    /// Sets an attribute of a type that is not made by code.
    #[pyfunction]
    fn fix_type(class: PyTypeRef, name: PyStrRef, value: PyObjectRef, vm: &VirtualMachine) {
        if name.as_bytes() == b"__new__" {
            class.slots.new.store(None);
        }
        class.set_attr(vm.ctx.intern_str(name.as_wtf8()), value);
    }

    #[pyfunction]
    fn count(got: usize, vm: &VirtualMachine) -> PyResult<()> {
        with_functions(vm, |functions| functions.count(got))
    }

    /// Takes one manifest: the name of its type, chunk, task, advice, and whether an answer is expected. `...` stands for
    /// a missing field.
    #[pyfunction]
    fn emit(
        kind: PyStrRef,
        chunk: PyObjectRef,
        task: PyObjectRef,
        advice: PyObjectRef,
        expected: bool,
        vm: &VirtualMachine,
    ) -> PyResult<()> {
        let index = with_functions(vm, |functions| functions.next())?;
        let is_missing = |value: &PyObjectRef| value.is(&vm.ctx.ellipsis);
        if is_missing(&chunk) && is_missing(&task) {
            return Err(vm.new_type_error(format!("prepare_jobs()[{index}] is a {kind}, not a JobManifest")));
        }
        let text = |field: &str, value: PyObjectRef| {
            if is_missing(&value) {
                return Err(vm.new_type_error(format!("prepare_jobs()[{index}] has no {field}")));
            }
            checked(&format!("prepare_jobs()[{index}].{field}"), value, vm)
        };
        let chunk = Text(text("chunk", chunk)?);
        let task = utf8(&text("task", task)?).to_owned();
        let advice =
            if vm.is_none(&advice) { String::new() } else { utf8(&text("advice", advice)?).to_owned() };
        with_functions(vm, |functions| functions.emit(chunk, task, advice, expected))
    }

    #[pyfunction]
    fn finish(text: PyObjectRef, include: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let text = Text(checked("the text of transform_outputs", text, vm)?);
        let include = include.downcast_ref::<PyList>().map(|list| list.borrow_vec().to_vec());
        let flag = |flag: PyObjectRef| (!vm.is_none(&flag)).then(|| flag.is(&vm.ctx.true_value));
        let include = include.unwrap_or_default().into_iter().map(flag).collect();
        with_functions(vm, |functions| functions.finish(text, include))
    }

    /// The characters of each place where a pattern stands in a text, without regard to case. None if it can't be looked for
    /// without backtracking.
    #[pyfunction]
    fn spans(pattern: PyStrRef, passes_lines: bool, text: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let (Some(pattern), Some(text)) = (pattern.to_str(), text.to_str()) else {
            return Ok(vm.ctx.none());
        };
        let Some(regex) = compiled(pattern, passes_lines) else { return Ok(vm.ctx.none()) };
        let (mut byte, mut char) = (0, 0);
        let mut char_of = |at: usize| {
            char += text[byte..at].chars().count();
            byte = at;
            char
        };
        let span = |found: regex::Match| {
            let (start, end) = (char_of(found.start()), char_of(found.end()));
            vm.ctx.new_tuple([start, end].map(|at| vm.ctx.new_int(at).into()).into()).into()
        };
        let spans: Vec<PyObjectRef> = regex.find_iter(text).map(span).collect();
        Ok(vm.ctx.new_list(spans).into())
    }

    /// The pattern, if it can be looked for without backtracking.
    fn compiled(pattern: &str, passes_lines: bool) -> Option<Rc<Regex>> {
        HOST.with_borrow_mut(|host| match &host.sought {
            Some(sought) if sought.pattern == pattern && sought.passes_lines == passes_lines => {
                sought.regex.clone()
            }
            _ => {
                let mut builder = RegexBuilder::new(pattern);
                builder.case_insensitive(true).multi_line(true).dot_matches_new_line(passes_lines);
                let regex = builder.size_limit(COMPILED).build().ok().map(Rc::new);
                host.sought =
                    Some(Sought { pattern: pattern.to_owned(), passes_lines, regex: regex.clone() });
                regex
            }
        })
    }

    /// The places in a text with the line ends of Windows, of places in the same text with `\n` alone; both in order.
    #[pyfunction]
    fn spans_of_windows(text: PyStrRef, spans: PyRef<PyList>, vm: &VirtualMachine) -> PyResult {
        let mut chars = text.as_wtf8().code_points().map(|point| point.to_char_lossy()).peekable();
        let (mut here, mut there) = (0, 0);
        let mut moved = |to: usize| {
            while there < to {
                if chars.next() == Some('\r') && chars.next_if_eq(&'\n').is_some() {
                    here += 1;
                }
                (here, there) = (here + 1, there + 1);
            }
            vm.ctx.new_int(here).into()
        };
        let mut places: Vec<PyObjectRef> = Vec::new();
        for span in spans.borrow_vec().iter() {
            let span: Vec<usize> = span.clone().try_into_value(vm)?;
            places.push(vm.ctx.new_tuple(span.into_iter().map(&mut moved).collect()).into());
        }
        Ok(vm.ctx.new_list(places).into())
    }

    /// Takes what `show` shows so far, and the number of places.
    #[pyfunction]
    fn shown(text: PyObjectRef, places: usize, vm: &VirtualMachine) -> PyResult<()> {
        let text = utf8(&checked("what show() shows", text, vm)?).to_owned();
        with_functions(vm, |functions| {
            functions.shown = Shown { text, places };
            Ok(())
        })
    }

    /// Works on the functions. An error ends the session; the exception only ends the run.
    fn with_functions<T>(
        vm: &VirtualMachine,
        work: impl FnOnce(&mut Functions) -> Result<T, CodeError>,
    ) -> PyResult<T> {
        let done = HOST.with_borrow_mut(|host| {
            let functions = host.functions.as_mut()?;
            match work(functions) {
                Ok(value) => Some(value),
                Err(error) => {
                    host.failure = Some(error);
                    None
                }
            }
        });
        done.ok_or_else(|| vm.new_runtime_error("a limit of the host"))
    }

    #[pyfunction]
    fn chunk_by_section(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        use documents::{SECTION_OVERLAP, SECTION_SIZE};
        let numbers = [("max_chunk_size", SECTION_SIZE), ("overlap", SECTION_OVERLAP)];
        chunked("chunk_by_section", &numbers, args, vm, |doc, [size, overlap]| {
            list("chunk_by_section", documents::chunk_by_section(doc, size, overlap), vm)
        })
    }

    #[pyfunction]
    fn chunk_by_paragraph(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let numbers = [("max_chunk_size", documents::PARAGRAPH_SIZE), ("overlap_sentences", 0)];
        chunked("chunk_by_paragraph", &numbers, args, vm, |doc, [size, overlap]| {
            list("chunk_by_paragraph", documents::chunk_by_paragraph(doc, size, overlap), vm)
        })
    }

    #[pyfunction]
    fn chunk_by_code(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        chunked("chunk_by_code", &[("functions_per_chunk", 1)], args, vm, |doc, [functions]| {
            strings(documents::chunk_by_code(doc, functions), vm)
        })
    }

    #[pyfunction]
    fn chunk_by_function_and_class(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        chunked("chunk_by_function_and_class", &[], args, vm, |doc, []| {
            strings(documents::chunk_by_function_and_class(doc), vm)
        })
    }

    #[pyfunction]
    fn chunk_by_page(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let name = "chunk_by_page";
        let mut values = bind(name, &["doc", "page_markers"], args, vm)?.into_iter();
        let doc = document(name, values.next().flatten(), vm)?;
        let markers = values.next().flatten().filter(|markers| !vm.is_none(markers));
        let markers = match markers {
            None => None,
            Some(markers) => {
                let markers = texts(&format!("{name}(): page_markers"), &markers, vm)?;
                Some(markers.iter().map(|marker| utf8(marker).to_owned()).collect::<Vec<_>>())
            }
        };
        list(name, documents::chunk_by_page(utf8(&doc), markers.as_deref()), vm)
    }

    /// Answers a call of a chunker that takes a document and `N` numbers.
    fn chunked<const N: usize>(
        name: &str,
        numbers: &[(&str, usize); N],
        args: FuncArgs,
        vm: &VirtualMachine,
        chunk: impl Fn(&str, [usize; N]) -> PyResult,
    ) -> PyResult {
        let parameters: Vec<_> = ["doc"].into_iter().chain(numbers.iter().map(|(name, _)| *name)).collect();
        let mut values = bind(name, &parameters, args, vm)?.into_iter();
        let doc = document(name, values.next().flatten(), vm)?;
        let mut given = numbers.map(|(_, default)| default);
        for ((number, (parameter, _)), value) in given.iter_mut().zip(numbers).zip(values) {
            if let Some(value) = value.filter(|value| !vm.is_none(value)) {
                *number = whole(&format!("{name}(): {parameter}"), &value, vm)?;
            }
        }
        chunk(utf8(&doc), given)
    }

    fn document(name: &str, doc: Option<PyObjectRef>, vm: &VirtualMachine) -> PyResult<PyStrRef> {
        match doc {
            Some(doc) => checked(&format!("{name}(): doc"), doc, vm),
            None => Err(vm.new_type_error(format!("{name}() missing 1 required positional argument: 'doc'"))),
        }
    }

    fn list<S: Into<String>, E: std::fmt::Display>(
        name: &str,
        chunks: Result<Vec<S>, E>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let chunks = chunks.map_err(|error| vm.new_value_error(format!("{name}(): {error}")))?;
        strings(chunks, vm)
    }

    fn strings<S: Into<String>>(chunks: Vec<S>, vm: &VirtualMachine) -> PyResult {
        let chunks = chunks.into_iter().map(|chunk| vm.ctx.new_str(chunk.into()).into());
        Ok(vm.ctx.new_list(chunks.collect()).into())
    }

    #[pyfunction]
    fn bm25_retrieve_top_k_chunks(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        search(Search::Bm25, args, vm)
    }

    #[pyfunction]
    fn embedding_retrieve_top_k_chunks(args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        search(Search::Embedding, args, vm)
    }

    fn search(search: Search, args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        let room = with_functions(vm, |functions| Ok(functions.limits.distinct_chunks))?;
        retrieve(search.function().unwrap_or_default(), search, room, args, vm)
    }
}

/// The module that makes code objects of data, without anything that does so. The library only imports it.
#[allow(clippy::unwrap_used, reason = "the code that pyattr makes of a constant unwraps what can't fail")]
#[rustpython_vm::pymodule]
pub(super) mod marshal {
    use rustpython_vm::function::FuncArgs;
    use rustpython_vm::{PyResult, VirtualMachine};

    #[pyattr(name = "version")]
    const VERSION: u32 = 5;

    #[pyfunction]
    fn loads(_args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        Err(vm.new_value_error("marshal is not there"))
    }

    #[pyfunction]
    fn dumps(_args: FuncArgs, vm: &VirtualMachine) -> PyResult {
        Err(vm.new_value_error("marshal is not there"))
    }
}
