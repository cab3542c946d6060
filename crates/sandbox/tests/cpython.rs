//! The sandbox's Python against CPython's: `cpython.txt` has expressions that supervisors write and CPython's values.
//!
//! A value of the sandbox is CPython's or there is an error: code must never go on with another one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use minions_sandbox::{CodeError, Sandbox, SandboxError, SandboxExecutable};
use tokio::runtime::{Builder, Runtime};

const TABLE: &str = include_str!("cpython.txt");
/// What all cases have in scope.
const IMPORTS: &str = "import re, json, math, datetime, collections, itertools, functools, string, textwrap, heapq, operator\n\
                       from collections import Counter, defaultdict, deque, namedtuple, OrderedDict\n";
/// Cases that run in one child.
const TOGETHER: usize = 100;

struct Case {
    /// Statements and an expression, which is the last one.
    code: String,
    /// The mark and the value: `= 5`, `! TypeError`, `!! NotImplementedError`.
    outcome: String,
}

fn cases() -> Vec<Case> {
    let (mut cases, mut code) = (Vec::new(), Vec::new());
    let body = TABLE.lines().skip_while(|line| !line.starts_with("# "));
    for line in body.filter(|line| !line.starts_with("# ") && !line.is_empty()) {
        if ["= ", "! ", "!! "].iter().any(|mark| line.starts_with(mark)) {
            cases.push(Case { code: std::mem::take(&mut code).join("\n"), outcome: line.to_owned() });
        } else {
            code.push(line);
        }
    }
    assert!(code.is_empty() && cases.len() > 900, "{} cases", cases.len());
    cases
}

/// The case as a function that gives the repr of its value.
fn function(number: usize, code: &str) -> String {
    let (before, value) = code.rsplit_once('\n').unwrap_or(("", code));
    let body: String = before.lines().map(|line| format!("    {line}\n")).collect();
    format!("def case_{number}():\n{body}    return repr(({value}))\n")
}

/// The code's jobs' tasks, one a case.
fn run(runtime: &Runtime, code: &str) -> Result<Vec<String>, SandboxError> {
    let sandbox = Sandbox::new(SandboxExecutable::new(env!("CARGO_BIN_EXE_minions-sandbox"), [""; 0]));
    runtime.block_on(async {
        let mut session = sandbox.start(code, &["alpha", "beta"]).await?;
        let manifests = session.prepare_jobs(&[], &[]).await?;
        Ok(manifests.into_iter().map(|manifest| manifest.task).collect())
    })
}

#[test]
fn a_value_is_cpython_s_or_there_is_an_error() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut wrong = Vec::new();
    let (broken, running): (Vec<_>, Vec<_>) =
        cases().into_iter().partition(|case| case.outcome.starts_with("!! "));
    for cases in running.chunks(TOGETHER) {
        let mut code = IMPORTS.to_owned();
        for (number, case) in cases.iter().enumerate() {
            code += &function(number, &case.code);
        }
        code += "def prepare_jobs(context):\n    jobs = []\n";
        for number in 0..cases.len() {
            let _ = writeln!(
                code,
                "    try:\n        value = '= ' + case_{number}()\n    except Exception as error:\n        value = '! ' + \
                 type(error).__name__\n    jobs.append(JobManifest('', value))"
            );
        }
        code += "    return jobs\n";
        let values = run(&runtime, &code).unwrap();
        let differ = cases.iter().zip(values).filter(|(case, value)| case.outcome != *value);
        wrong.extend(differ.map(|(case, value)| format!("{}\n  {}\n  not {value}", case.code, case.outcome)));
    }
    for case in broken {
        let code =
            IMPORTS.to_owned() + &function(0, &case.code) + "def prepare_jobs(context):\n    case_0()\n";
        let told = match run(&runtime, &code) {
            Err(SandboxError::Code(CodeError::Raised { message, .. })) => message,
            other => format!("{other:?}"),
        };
        let kind = case.outcome.trim_start_matches("!! ");
        if !told.contains(kind) {
            wrong.push(format!("{}\n  {}\n  not {told}", case.code, case.outcome));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
