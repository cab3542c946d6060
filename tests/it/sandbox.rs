//! The sandbox, in the real executable: what the supervisor's code can do, and what it is told when it fails.

use std::time::Duration;

use minions::sandbox::{
    CHILD_COMMAND, JobManifest, JobOutput, JobRecord, Sandbox, SandboxError, SandboxExecutable,
    SandboxLimits, Session, Transformed,
};

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(SandboxExecutable::new(env!("CARGO_BIN_EXE_minions"), [CHILD_COMMAND]))
}

pub(crate) async fn start(code: &str, documents: &[&str]) -> Session {
    sandbox().start(code, documents).await.unwrap()
}

/// What the code's author is told.
async fn told(code: &str) -> String {
    let attempt = async {
        let mut session = sandbox().start(code, &["alpha", "beta"]).await?;
        let manifests = session.prepare_jobs(&[], &[]).await?;
        session.transform_outputs(&answered(&manifests)).await
    };
    match attempt.await {
        Err(SandboxError::Code(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A job for each manifest, answered with its number.
pub(crate) fn answered(manifests: &[JobManifest]) -> Vec<JobRecord> {
    let job = |(number, manifest): (usize, &JobManifest)| JobRecord {
        manifest: manifest.clone(),
        output: JobOutput {
            explanation: format!("because {number}"),
            citation: (number % 2 == 0).then(|| format!("cited {number}")),
            answer: Some(format!("answer {number}")),
            lost: number == 1,
        },
        raw_reply: format!("raw {number}"),
        include: None,
        ..JobRecord::default()
    };
    manifests.iter().enumerate().map(job).collect()
}

#[tokio::test]
async fn whether_an_answer_is_expected_is_true_or_false() {
    for (expected, told_as) in [
        ("'no'", "'no'"),
        ("'False'", "'False'"),
        ("2", "int"),
        ("re.search('a', 'a')", "Match"),
        ("[]", "list"),
    ] {
        for job in ["JobManifest(c, 't', '', expected=", "dict(chunk=c, task='t', expected="] {
            let told =
                told(&format!("def prepare_jobs(context): return [{job}{expected}) for c in context]")).await;
            let problem = format!("prepare_jobs()[0].expected must be True or False, not {told_as}");
            assert!(told.contains(&problem), "{told}");
        }
    }
    let code = "def prepare_jobs(context): return [JobManifest(c, 't', '', expected=e) for c in context for e in (True, None, False)]";
    let jobs = start(code, &["a"]).await.prepare_jobs(&[], &[]).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.expected).collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn whether_a_job_is_included_is_true_or_false() {
    let code = |include: &str| {
        format!(
            "def prepare_jobs(context): return [JobManifest(c, 't') for c in context]\n\
             def transform_outputs(jobs):\n    jobs[1].include = {include}\n    return 'done'"
        )
    };
    for (include, told_as) in
        [("'no'", "'no'"), ("'False'", "'False'"), ("''", "''"), ("2", "int"), ("[]", "list")]
    {
        let told = told(&code(include)).await;
        let problem = format!("jobs[1].include must be True or False, not {told_as}");
        assert!(told.contains(&problem), "{told}");
    }
    for (include, expected) in [("True", Some(true)), ("0", Some(false)), ("None", None)] {
        let mut session = start(&code(include), &["a", "b"]).await;
        let manifests = session.prepare_jobs(&[], &[]).await.unwrap();
        let transformed = session.transform_outputs(&answered(&manifests)).await.unwrap();
        assert_eq!(transformed.include, [None, expected]);
    }
}

#[tokio::test]
async fn two_functions_share_their_globals() {
    let code = r#"
from typing import List
seen = []

def prepare_jobs(context: List[str], prev_job_manifests=None, prev_job_outputs=None) -> List[JobManifest]:
    jobs = []
    for doc in context:
        for chunk in chunk_by_section(doc, max_chunk_size=4, overlap=0):
            seen.append(chunk)
            jobs.append(JobManifest(chunk=chunk, task="What is it?", advice="look"))
    return jobs

def transform_outputs(jobs):
    for job in jobs:
        job.include = job.output.citation is not None
    return ",".join(seen) + "|" + "\n".join(f"{j.manifest.job_id}: {j.output.answer}" for j in jobs if j.include)
"#;
    let mut session = start(code, &["abcdefgh", "abcdxy"]).await;
    let manifests = session.prepare_jobs(&[], &[]).await.unwrap();
    let chunks: Vec<_> = manifests.iter().map(|m| (&*m.chunk, m.chunk_id, m.task_id, m.job_id)).collect();
    assert_eq!(
        chunks,
        [
            ("abcd", Some(0), Some(0), Some(0)),
            ("efgh", Some(1), Some(0), Some(1)),
            ("abcd", Some(0), Some(0), Some(2)),
            ("xy", Some(2), Some(0), Some(3)),
        ]
    );
    let Transformed { text, include } = session.transform_outputs(&answered(&manifests)).await.unwrap();
    assert_eq!(text, "abcd,efgh,abcd,xy|0: answer 0\n2: answer 2");
    assert_eq!(include, [Some(true), Some(false), Some(true), Some(false)]);
}

#[tokio::test]
async fn a_later_round_sees_the_jobs_of_the_one_before() {
    let code = r#"
def prepare_jobs(context, prev_job_manifests=None, prev_job_outputs=None):
    if not prev_job_outputs:
        assert prev_job_manifests == [] and [m for m in prev_job_manifests or []] == []
        return [JobManifest(c, t, "") for c in chunk_by_paragraph(context[0]) for t in ("who", "when")]
    again = []
    for manifest, output in zip(prev_job_manifests, prev_job_outputs):
        if output.citation is None:
            task = f"{manifest.task} again ({output.answer}, {manifest.job_id})"
            again.append(JobManifest(chunk=manifest.chunk, task=task, advice=output.explanation))
    return again

def transform_outputs(jobs):
    return ""
"#;
    let mut first = start(code, &["Ann came in 1990."]).await;
    let manifests = first.prepare_jobs(&[], &[]).await.unwrap();
    let outputs: Vec<_> = answered(&manifests).into_iter().map(|job| job.output).collect();
    let mut second = start(code, &["Ann came in 1990."]).await;
    let again = second.prepare_jobs(&manifests, &outputs).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].task, "when again (answer 1, 1)");
    assert_eq!((&*again[0].chunk, again[0].advice.as_str()), ("Ann came in 1990.", "because 1"));
}

/// Code as models write it for the usual Python: each must simply run.
#[tokio::test]
async fn habits_of_the_usual_python_work() {
    let habits = [
        "from __future__ import annotations\nimport os, sys, asyncio",
        "from typing import (\n    List,\n    NamedTuple, TypedDict,\n)\nfrom collections.abc import Iterable as I",
        "from minions import JobManifest as JM\nassert JM('a', 'b').chunk == 'a'",
        "from minions.utils.chunking import chunk_by_section as cut, chunk_by_page\nassert cut('abc', 2, 0) == ['ab', 'c']",
        "from . import JobOutput\nfrom pydantic import BaseModel, Field",
        "def f():\n    from minions import JobManifest, JobOutput\n    import re\n    return JobManifest('a', 'b')\nf()",
        "try:\n    import numpy as np\nexcept ImportError:\n    np = None\nassert np is None",
        "from pydantic import BaseModel\nclass JobManifest(BaseModel):\n    chunk: str\n    task: str\n    chunk_id: Optional[int] = None\nJobManifest('a', 'b', 'c')",
        "class JobOutput:\n    answer: str\nassert JobOutput('e', 'c', 'a').answer == 'a'",
        "@dataclass\nclass JobManifest:\n    chunk: str\n    task: str\n    advice: str\nassert JobManifest('a', 'b', 'c').task == 'b'",
        "@dataclass\nclass Mine(object):\n    x: int = 1\n    def twice(self): return self.x * 2\nassert Mine(4).twice() == 8",
        "class Wrong(ValueError):\n    '''No more than a name.'''\ntry:\n    raise Wrong('x')\nexcept Wrong as e:\n    assert str(e) == 'x'",
        "j = Job(manifest=JobManifest(task='t', chunk='c', advice='a', chunk_id=3), output=JobOutput('e', None, answer='x'), sample='s')\n\
         assert j.include is None and j.output.citation is None and isinstance(j.manifest, JobManifest)\n\
         j.include = True\nj.note = 1\nassert j.include and JobManifest('a', 'b', 'c') == JobManifest('a', 'b', 'c')",
        "import json, re, math\nassert json.loads(json.dumps({'a': [1, None]}, indent=2)) == {'a': [1, None]}",
        "assert re.findall(r'\\d+', 'a1 b22') == ['1', '22'] and re.sub(r'b(.)', lambda m: m.group(1), 'abc') == 'ac'",
        "assert Counter('aab').most_common(1) == [('a', 2)]\nd = defaultdict(list)\nd['a'].append(1)",
        "assert sorted([(2, 'b'), (1, 'c')], key=lambda p: p[1], reverse=True)[0] == (1, 'c')",
        "assert next((x for x in [1, 2, 3] if x > 1), None) == 2 and next((x for x in [] if x), 7) == 7",
        "g = (x * y for x in [1, 2] for y in (z for z in [3]))\nassert next(g) == 3 and next(g) == 6 and sum(x for x in [1, 2]) == 3",
        "assert ', '.join(f'{k}={v:.1f}' for k, v in {'a': 1}.items()) == 'a=1.0' and any(x for x in [0, 1])",
        "d = {'a': 1, 'b': 2}\nl = [1, 2, 3]\nx = 5\ndel d['a'], (l or d)[0], x\nassert d == {'b': 2} and l == [2, 3] and 'x' not in globals()",
        "from itertools import groupby, chain, product as p, combinations\nimport itertools as it\n\
         assert [(k, list(g)) for k, g in it.groupby([1, 1, 2], key=lambda x: x)] == [(1, [1, 1]), (2, [2])]\n\
         assert list(chain.from_iterable([[1], [2]])) == [1, 2] == list(it.chain.from_iterable([[1], [2]]))\n\
         assert list(p([1, 2], 'a')) == [(1, 'a'), (2, 'a')] and list(combinations('abc', 2)) == [('a', 'b'), ('a', 'c'), ('b', 'c')]",
        "from functools import lru_cache, cache, reduce\n@lru_cache(maxsize=None)\ndef f(n): return n if n < 2 else f(n - 1) + f(n - 2)\n\
         @cache\ndef g(x): return x\nassert f(60) == 1548008755920 and g(1) == 1",
        "from collections import OrderedDict, Counter\nassert OrderedDict([(1, 2)]) == {1: 2}",
        "import string, textwrap, heapq\nfrom operator import itemgetter, attrgetter\nfrom string import punctuation\n\
         assert 'a' in string.ascii_letters and ',' in punctuation and textwrap.dedent('  a\\n   b') == 'a\\n b'\n\
         assert textwrap.shorten('one two three', width=12) == 'one [...]' and heapq.nlargest(2, [1, 3, 2]) == [3, 2]\n\
         assert itemgetter(1)([4, 5]) == 5 and attrgetter('manifest.task')(Job(JobManifest('c', 't'), JobOutput())) == 't'",
        "if __name__ == '__main__':\n    raise ValueError('not run')",
        "def prepare_jobs(context): return []\njobs = prepare_jobs(context)\nprint(len(jobs), flush=True)",
        "from dataclasses import dataclass, field, asdict\n@dataclass\nclass A:\n    x: int = field(default=3)\n\
         assert A().x == 3 and asdict(Job(JobManifest('c', 't'), JobOutput()))['manifest']['chunk'] == 'c'",
        "assert sorted(['b', 'A'], key=str.lower) == ['A', 'b'] and list(map(str.strip, [' a '])) == ['a']\n\
         x: typing.List[int] = []",
        "total = 0\ndef add():\n    global total\n    total += 1\nadd()\nassert total == 1",
        "def f(a, *rest, sep='-', **named): return sep.join([a, *rest, *named.values()])\nassert f('x', 'y', z='w') == 'x-y-w'",
        "if (n := len('abc')) > 2: assert n == 3\na, *b = [1, 2, 3]\nassert b == [2, 3] and 1 < 2 < 3 and list(zip('ab', [1, 2], strict=True))",
        "assert {c: i for i, c in enumerate('ab', start=1)} == {'a': 1, 'b': 2} and 'abc'[::-1] == 'cba' and 'a\\nb'.splitlines() == ['a', 'b']",
    ];
    for habit in habits {
        if let Err(error) = sandbox().start(habit, &["doc"]).await {
            panic!("{habit}\n{error}");
        }
    }
}

#[tokio::test]
async fn manifests_are_taken_in_every_honest_form() {
    let honest = [
        "return [JobManifest(c, 'task') for c in context]",
        "return tuple(JobManifest(chunk=c, task='task', advice=None) for c in context)",
        "return (JobManifest(c, 'task', '') for c in context)",
        "return [{'chunk': c, 'task': 'task'} for c in context]",
        "return map(lambda c: JobManifest(c, 'task', ''), context)",
        "return {c: JobManifest(c, 'task') for c in context}.values()",
        "return [namedtuple('M', 'chunk task')(c, 'task') for c in context]",
    ];
    for body in honest {
        for parameters in ["context", "context, old=None", "context, a, b", "*given", "docs, /, a, b, more=1"]
        {
            let rest = if parameters.starts_with("context") { "" } else { "    context = given[0]\n" };
            let rest = if parameters.starts_with("docs") { "    context = docs\n" } else { rest };
            let code = format!("def prepare_jobs({parameters}):\n{rest}    {body}");
            let manifests = start(&code, &["alpha", "beta"]).await.prepare_jobs(&[], &[]).await.unwrap();
            let seen: Vec<_> = manifests.iter().map(|m| [&m.chunk[..], &m.task, &m.advice]).collect();
            assert_eq!(seen, [["alpha", "task", ""], ["beta", "task", ""]], "{code}");
        }
    }
}

#[tokio::test]
async fn wrong_results_are_named() {
    let cases = [
        ("return None", "prepare_jobs must return a list of JobManifest, not NoneType"),
        ("return 'jobs'", "prepare_jobs must return a list of JobManifest, not str"),
        ("return {'chunk': 'a'}", "prepare_jobs must return a list of JobManifest, not dict"),
        ("return 5", "prepare_jobs must return a list of JobManifest, not int"),
        ("return ['a']", "prepare_jobs()[0] is a str, not a JobManifest"),
        (
            "return [JobManifest('a', 'b'), JobManifest(5, 'b')]",
            "prepare_jobs()[1].chunk must be a str, not int",
        ),
        ("return [JobManifest('a', None)]", "prepare_jobs()[0].task must be a str, not NoneType"),
        ("return [JobManifest('a', 'b', ['c'])]", "prepare_jobs()[0].advice must be a str, not list"),
        ("return [{'chunk': 'a'}]", "prepare_jobs()[0] has no task"),
        ("a = []\n    a.append(a)\n    return a", "prepare_jobs()[0] is a list, not a JobManifest"),
        ("return [JobManifest('a', 'b')] * 3000", "prepare_jobs made 3000 jobs; at most 2048 are allowed"),
        ("return (JobManifest('a', 'b') for _ in range(3000))", "prepare_jobs made more than 2048 jobs"),
        ("return [JobManifest('a' * 10**6, 'b')] * 2000", "the text of all chunks together is"),
        ("return []\nprepare_jobs = 5", "the code defines no function `prepare_jobs`"),
        ("return []", "the code defines no function `transform_outputs`"),
        ("return []\ndef transform_outputs(jobs): pass", "transform_outputs must return a str, not NoneType"),
        (
            "return []\ndef transform_outputs(jobs): return jobs",
            "transform_outputs must return a str, not list",
        ),
        (
            "return []\ndef transform_outputs(jobs): return 'x' * 2**21",
            "the text of transform_outputs is 2097152 bytes",
        ),
    ];
    for (body, words) in cases {
        let message = told(&format!("def prepare_jobs(context, m, o):\n    {body}")).await;
        assert!(message.contains(words), "{body}: {message}");
    }
}

#[tokio::test]
async fn a_failure_shows_the_authors_own_lines_and_what_was_printed() {
    let code = "\
from pydantic import (
    BaseModel,
)
def pick(chunk):
    print('at', chunk)
    return next(len(w) for w in chunk.split('-') if w)['x']  # not what runs

def prepare_jobs(context, manifests, outputs):
    return [JobManifest(pick(c), 'task') for c in context]
";
    insta::assert_snapshot!(told(code).await, @"
    line 9, in prepare_jobs:
        return [JobManifest(pick(c), 'task') for c in context]
    line 6, in pick:
        return next(len(w) for w in chunk.split('-') if w)['x']  # not what runs
    TypeError: 'int' object is not subscriptable
    Printed before that:
    at alpha
    ");
    insta::assert_snapshot!(told("x = 1\n\nclass Finding(BaseModel):\n    text: str").await, @"
    line 3:
        class Finding(BaseModel):
    NameError: name 'BaseModel' is not defined
    ");
    insta::assert_snapshot!(told("import pandas as pd").await, @"
    line 1:
        import pandas as pd
    ModuleNotFoundError: no module 'pandas' here; JobManifest, JobOutput, Job, the chunk_by_ functions and the names of typing are in scope without an import; modules: abc, array, ast, base64, binascii, bisect, calendar, cmath, codecs, collections, colorsys, configparser, contextlib, contextvars, copy, csv, dataclasses, datetime, decimal, difflib, enum, fnmatch, fractions, functools, glob, graphlib, hashlib, heapq, hmac, html, inspect, io, ipaddress, itertools, json, keyword, locale, logging, math, numbers, operator, pathlib, pprint, queue, random, re, reprlib, secrets, shlex, statistics, string, struct, textwrap, token, tokenize, tomllib, traceback, types, typing, unicodedata, urllib.parse, uuid, warnings, weakref, zlib
    ");
    let sorted = "def prepare_jobs(c, m, o):\n    return sorted([1], key=chunk_by_section)";
    insta::assert_snapshot!(told(sorted).await, @"
    line 2, in prepare_jobs:
        return sorted([1], key=chunk_by_section)
    TypeError: chunk_by_section(): doc must be a str, not int
    ");
    let printed = told("print('a' * 100000)\nprint('end')\n1 / 0").await;
    insta::assert_snapshot!(printed.replace(&"a".repeat(100), ""), @"
    line 3:
        1 / 0
    ZeroDivisionError: division by zero
    Printed before that:
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    end
    ");
}

#[tokio::test]
async fn a_child_that_is_killed_costs_its_session_only() {
    let code = "def prepare_jobs(context, m, o): return []";
    let mut session = start(code, &["doc"]).await;
    let child = session.process_id().unwrap();
    let pid = nix::unistd::Pid::from_raw(child as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let error = session.prepare_jobs(&[], &[]).await.unwrap_err();
    assert!(matches!(error, SandboxError::Machine(_)), "{error}");
    assert!(!std::path::Path::new(&format!("/proc/{child}")).exists(), "a zombie");
    assert!(session.prepare_jobs(&[], &[]).await.is_err());
    assert_eq!(start(code, &["doc"]).await.prepare_jobs(&[], &[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_not_the_codes_fault() {
    let sandbox = |program: &str| Sandbox::new(SandboxExecutable::new(program, [CHILD_COMMAND]));
    let error = sandbox("/nowhere/minions").start("", &["doc"]).await.unwrap_err();
    assert!(
        matches!(error, SandboxError::Spawn { .. }) && error.to_string().contains("/nowhere/minions"),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_child_has_given_up_its_rights() {
    let session = start("x = 1", &["doc"]).await;
    let of = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", session.process_id().unwrap())).unwrap()
    };
    let status = of("status");
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    let limits = of("limits");
    for resource in ["Max open files", "Max processes", "Max file size", "Max core file size"] {
        let line = limits.lines().find(|line| line.starts_with(resource)).unwrap();
        assert!(line[resource.len()..].split_whitespace().take(2).eq(["0", "0"]), "{line}");
    }
}

/// Parent and child together hold the text a few times, not once for every use.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_context_goes_through() {
    let document = "0123456789 é ".repeat(2 << 20);
    let code = "def prepare_jobs(context, m, o):\n    return [JobManifest(c, t) for c in chunk_by_section(context[0], 30000, 0) for t in 'ab']";
    let mut session = start(code, &[&document]).await;
    let manifests = session.prepare_jobs(&[], &[]).await.unwrap();
    assert_eq!(manifests.iter().filter(|m| m.task == "b").map(|m| &*m.chunk).collect::<String>(), document);
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.process_id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak << 10 < 4 * document.len(), "{} MB for {} MB", peak >> 10, document.len() >> 20);
}

#[tokio::test]
async fn a_timeout_names_the_function() {
    let limits = SandboxLimits { time: Duration::from_secs(1), ..SandboxLimits::default() };
    let code = "def prepare_jobs(c, m, o): return []\ndef transform_outputs(jobs):\n    while True: pass\n";
    let mut session = Sandbox { limits, ..sandbox() }.start(code, &["doc"]).await.unwrap();
    session.prepare_jobs(&[], &[]).await.unwrap();
    let error = session.transform_outputs(&[]).await.unwrap_err();
    insta::assert_snapshot!(error, @"
    the code ran longer than 1s and was stopped:
    line 3, in transform_outputs:
        while True: pass
    ");
}

#[tokio::test]
async fn what_is_known_of_a_job_beside_its_answer() {
    let code = r#"
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    lost = [o.lost for o in prev_job_outputs]
    plain = {"chunk": "b", "task": f"{lost} {[m.expected for m in prev_job_manifests]}", "expected": 1}
    return [JobManifest("a", "t", expected=True), JobManifest("a", "t", "", None, None, None, True), JobManifest("a", "t"), plain]

def transform_outputs(jobs):
    return "\n".join(f"{j.lost} {j.output.lost} {j.confirmed} {j.place} {j.manifest.expected}" for j in jobs)
"#;
    let mut session = start(code, &[]).await;
    let earlier = [JobManifest { expected: true, ..JobManifest::default() }, JobManifest::default()];
    let outputs = [JobOutput::default(), JobOutput { lost: true, ..JobOutput::default() }];
    let manifests = session.prepare_jobs(&earlier, &outputs).await.unwrap();
    let expected: Vec<bool> = manifests.iter().map(|manifest| manifest.expected).collect();
    assert_eq!(
        (expected, manifests[3].task.as_str()),
        (vec![true, true, false, true], "[False, True] [True, False]")
    );
    let job = |expected, lost, place: Option<&str>| JobRecord {
        manifest: JobManifest { expected, ..JobManifest::default() },
        output: JobOutput { lost, ..JobOutput::default() },
        confirmed: place.is_some(),
        place: place.map(str::to_owned),
        ..JobRecord::default()
    };
    let text = session
        .transform_outputs(&[job(true, false, Some("p. 40")), job(false, true, None)])
        .await
        .unwrap()
        .text;
    assert_eq!(text, "False False True p. 40 True\nTrue True False None False");
}
