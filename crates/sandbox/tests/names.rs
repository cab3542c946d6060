//! The code's own names beside the host's: no choice of a name breaks what the host does with the code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use minions_sandbox::{JobRecord, Sandbox, SandboxError, SandboxExecutable, Transformed};
use tokio::runtime::Builder;

/// Builtins and modules that the host's own Python uses.
const USED: &[&str] = &[
    "list",
    "len",
    "type",
    "str",
    "iter",
    "isinstance",
    "getattr",
    "dict",
    "tuple",
    "range",
    "enumerate",
    "zip",
    "map",
    "filter",
    "round",
    "pow",
    "int",
    "float",
    "bool",
    "bytes",
    "min",
    "max",
    "sorted",
    "hash",
    "chr",
    "hasattr",
    "abs",
    "TypeError",
    "ValueError",
    "IndexError",
    "NotImplementedError",
    "re",
    "math",
    "json",
    "itertools",
    "Counter",
    "JobManifest",
    "JobOutput",
    "Job",
    "dataclass",
    "Optional",
    "context",
    "jobs",
    "job",
    "text",
    "make",
];

/// Uses shims and both functions.
const PROGRAM: &str = "
import re as patterns
import textwrap, heapq, operator
def prepare_jobs(context, manifests, outputs):
    title = patterns.sub('l+', lambda m: 'L', 'hello world'.title()) + textwrap.shorten('some long text', 12)
    title = patterns.split('( )', title)[0] + f'{heapq.nlargest(1, [1.5 ** 2])[0]}'
    return [{'chunk': chunk, 'task': title, 'advice': ''} for chunk in context]
def transform_outputs(jobs):
    jobs[0].include = True
    return 'a\\x0cb'.splitlines()[1] + operator.attrgetter('manifest.task')(jobs[0])
";

fn run(code: &str) -> Result<Transformed, SandboxError> {
    let sandbox = Sandbox::new(SandboxExecutable::new(env!("CARGO_BIN_EXE_minions-sandbox"), [""; 0]));
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut session = sandbox.start(code, &["alpha"]).await?;
        let manifests = session.prepare_jobs(&[], &[]).await?;
        let jobs: Vec<_> =
            manifests.into_iter().map(|manifest| JobRecord { manifest, ..JobRecord::default() }).collect();
        session.transform_outputs(&jobs).await
    })
}

#[test]
fn globals_of_any_name_are_the_code_s_own() {
    let plain = run(PROGRAM).unwrap();
    assert_eq!((plain.text.as_str(), &plain.include[..]), ("bHeLo2.25", &[Some(true)][..]));
    for value in ["None", "5", "'text'", "lambda *values: values"] {
        let named = |names: &[&str]| {
            let globals: String = names.iter().map(|name| format!("{name} = {value}\n")).collect();
            run(&format!("{globals}{PROGRAM}"))
        };
        if named(USED).ok().as_ref() != Some(&plain) {
            for name in USED {
                assert_eq!(named(&[name]).unwrap(), plain, "{name} = {value}");
            }
            panic!("all of them together = {value}");
        }
    }
}

#[test]
fn the_host_s_own_names_are_not_there() {
    for (statement, kind) in [
        ("_minions.finish('mine', [])", "NameError"),
        ("import _minions", "ModuleNotFoundError"),
        ("from _minions import emit", "ModuleNotFoundError"),
        ("import host", "ModuleNotFoundError"),
        ("import sys\nsys.modules['_minions']", "KeyError"),
        ("import sys\nsys.modules['supervisor']", "KeyError"),
        ("prepare_scope({})", "NameError"),
        ("call_transform([])", "NameError"),
        ("Ours.documents.clear()", "NameError"),
    ] {
        let code = format!("{PROGRAM}\n{statement}\n");
        let Err(SandboxError::Code(error)) = run(&code) else { panic!("{statement}") };
        assert!(error.to_string().contains(&format!("\n{kind}: ")), "{statement}: {error}");
    }
    // So the code may call its own things as it likes.
    let plain = run(PROGRAM).unwrap();
    let names = "_minions = host = Ours = attempt = prepare = transform = run = begin = None\n";
    assert_eq!(run(&format!("{names}{PROGRAM}")).unwrap(), plain);
}
