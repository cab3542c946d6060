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
    for name in USED {
        for value in ["5", "'text'", "lambda *values: values"] {
            assert_eq!(run(&format!("{name} = {value}\n{PROGRAM}")).unwrap(), plain, "{name} = {value}");
        }
    }
    let all = USED.iter().map(|name| format!("{name} = None\n")).collect::<String>();
    assert_eq!(run(&format!("{all}{PROGRAM}")).unwrap(), plain);
}

#[test]
fn the_host_s_own_names_are_not_the_code_s_to_use() {
    for statement in [
        "_minions_given = []",
        "def _minions_finish(text, jobs):\n    _minions_text('mine', [])",
        "class _minions_classes:\n    pass",
        "import json as _minions_copy",
        "from math import pi as _minions_m",
        "for _minions_rows in []:\n    pass",
        "def f():\n    global _minions_given\n    _minions_given = None",
        "x = [1 for _minions_text in [1]]",
        "(_minions_emit := 5)",
        "_minions_text('mine', [])",
        "try:\n    pass\nexcept Exception as _minions_collect:\n    pass",
    ] {
        let code = format!("{PROGRAM}\n{statement}\n");
        let Err(SandboxError::Code(error)) = run(&code) else { panic!("{statement}") };
        let told = error.to_string();
        assert!(
            told.starts_with("line 1") && told.contains("is not for the code to use: names that begin"),
            "{told}"
        );
    }
    // Texts and comments may speak of them, and other things may be called so.
    run(&format!("{PROGRAM}\nx = '_minions_text' # _minions_text\nminions_text = 1\nx_minions_text = 2\n"))
        .unwrap();
}
