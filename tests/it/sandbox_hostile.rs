//! Hostile and broken code: each snippet costs its own attempt, and nothing else.

use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use minions::sandbox::{
    CHILD_COMMAND, CodeError, JobManifest, Sandbox, SandboxError, SandboxExecutable, SandboxLimits,
};

use crate::support::wait::{until_async, within};

/// What a snippet may take that is to be stopped for its time, and one that is not.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(4);
/// What the parent may grow by over all snippets, in bytes.
const FLAT: u64 = 32 << 20;

/// Reaches for what is not there; the message holds the second part.
const DENIED: &[(&str, &str)] = &[
    ("open('/etc/passwd').read()", "PermissionError"),
    ("open('/tmp/x', 'w')", "PermissionError"),
    ("from pathlib import Path\nPath('/etc/passwd').read_text()", "PermissionError"),
    ("from pathlib import Path\nlist(Path('/').iterdir())", "PermissionError"),
    ("import os\nos.environ['PATH']", "PermissionError"),
    ("import os\nos.getenv('OPENAI_API_KEY')", "PermissionError"),
    ("import os\nos.listdir('/')", "PermissionError"),
    ("import os\nos.remove('/etc/passwd')", "PermissionError"),
    ("import os\nos.system('id')", "PermissionError"),
    ("import os\nos.kill(os.getppid(), 9)", "PermissionError"),
    ("import os\nos.kill(1, 9)", "PermissionError"),
    ("import os\nos.getppid()", "PermissionError"),
    ("import os\nos.environ.get('PATH')", "PermissionError"),
    ("import time\ntime.time()", "PermissionError"),
    ("import time\ntime.sleep(1)", "PermissionError"),
    ("import datetime\ndatetime.date.today()", "PermissionError"),
    ("from datetime import datetime as d\nclass D(d): pass\nD.now()", "PermissionError"),
    ("import datetime\ndatetime.datetime.now()", "PermissionError"),
    ("import subprocess\nsubprocess.run(['id'])", "no module 'subprocess'"),
    ("import socket\nsocket.socket()", "no module 'socket'"),
    ("from urllib.request import urlopen", "no module 'urllib.request'"),
    ("import ctypes", "no module 'ctypes'"),
    ("import pickle, json", "no module 'pickle'"),
    ("import importlib\nimportlib.import_module('os')", "no module 'importlib'"),
    ("__import__('importlib')", "no module 'importlib'"),
    ("__import__('_ctypes')", "ModuleNotFoundError"),
    ("import marshal", "no module 'marshal'"),
    ("import gc", "no module 'gc'"),
    ("import builtins", "no module 'builtins'"),
    ("import _imp", "no module '_imp'"),
    ("import _interpreters", "ModuleNotFoundError"),
    ("import _testinternalcapi", "ModuleNotFoundError"),
    ("import posix", "no module 'posix'"),
    ("import multiprocessing", "no module"),
    ("import threading", "no module"),
    ("eval('1')", "NameError"),
    ("exec('1')", "NameError"),
    ("compile('1', 'x', 'eval')", "NameError"),
    ("globals()['open']", "KeyError"),
    ("input()", "NameError"),
    ("__builtins__['open']('/etc/passwd')", "PermissionError"),
    ("__builtins__['eval']", "KeyError"),
    ("chunk_by_section.__globals__", "AttributeError"),
    ("import sys\nsys.exit(3)", "SystemExit: 3"),
    ("import io\nio.FileIO(0)", "PermissionError"),
    ("import io\nio.open('/etc/passwd')", "PermissionError"),
    ("exit()", "NameError"),
    ("raise KeyboardInterrupt()", "KeyboardInterrupt"),
    // Code is made of source text alone.
    ("f = lambda: 0\nf.__code__.replace(co_code=b'')", "PermissionError"),
    ("import copy\ncopy.replace((lambda: 0).__code__, co_code=b'')", "PermissionError"),
    ("import types\ntypes.CodeType(0, 0, 0, 0, 0, 0, b'', (), (), (), '', '', '', 0, b'', b'')", "TypeError"),
    ("type((lambda: 0).__code__).__new__(type((lambda: 0).__code__), 0)", "PermissionError"),
    ("object.__new__(type((lambda: 0).__code__))", "TypeError"),
    ("import sys\nsys.modules['marshal'].loads(b'c')", "KeyError"),
    ("import sys\nsys.modules['_imp'].get_frozen_object('x', b'c')", "no module 'marshal'"),
    (
        "import sys, ast\nsys.modules['builtins'].compile(ast.parse('1'), 'x', 'exec')",
        "compile() takes a text here",
    ),
    ("import sys\nsys.settrace", "AttributeError"),
    ("import sys\nsys.modules['_minions']", "KeyError"),
    // What can be reached by way of others: their types, their frames, their globals.
    ("from collections import OrderedDict\nobject.__new__(type(OrderedDict().items()))", "TypeError"),
    ("from collections import OrderedDict\ntype(OrderedDict().keys())()", "TypeError"),
    ("import sys\nsys._getframe().f_lineno = 1", "ValueError"),
    ("[c for c in object.__subclasses__() if c.__name__ == 'FileIO'][0]('/etc/passwd')", "IndexError"),
    ("[c for c in object.__subclasses__() if 'Popen' in c.__name__][0](['id'])", "IndexError"),
    ("open.__globals__['load']('gc')", "No module named 'gc'"),
    ("open.__globals__['load']('_socket')", "No module named '_socket'"),
    ("open.__globals__['load']('ctypes')", "No module named 'ctypes'"),
    ("open.__globals__['load']('signal')", "No module named 'signal'"),
    ("open.__globals__['load']('marshal').loads(b'c')", "marshal is not there"),
    ("open.__globals__['load']('posix').open('/etc/passwd', 0)", "PermissionError"),
    ("open.__globals__['io'].open('/etc/passwd')", "PermissionError"),
    ("open.__globals__['_minions'].fix_type(int, 'a', 1)", "AttributeError"),
    (
        "import ast\nopen.__globals__['_minions'].compile(ast.parse('1'), 'x', 'exec')",
        "compile() takes a text",
    ),
    ("def f():\n    x = 1\n    return lambda: x\ng = lambda: 1\ng.__code__ = f().__code__", "free vars"),
    (
        "import types\ndef f():\n    x = 1\n    return lambda: x\ntypes.FunctionType(f().__code__, {})",
        "TypeError",
    ),
];

/// Broken, in ways that the message tells.
const BROKEN: &[(&str, &str)] = &[
    ("def f(:\n    pass", "SyntaxError"),
    ("if True:\nx = 1", "line 2:\n    x = 1\nIndentationError"),
    ("x = 1\n\ny = 1 / 0", "line 3:\n    y = 1 / 0\nZeroDivisionError: division by zero"),
    ("x = 1\0", "SyntaxError"),
    ("raise ValueError('x' * 10**6)", "xxx..."),
    ("def f():\n    return f()\nf()", "RecursionError"),
    ("def f(n): return g(n)\ndef g(n): return f(n)\nf(1)", "RecursionError"),
    ("def f(x): return sorted([1, 2], key=f)\nf(1)", "RecursionError"),
    ("def f(m): return re.sub('a', f, 'a')\nf(1)", "RecursionError"),
    ("class A:\n    def __repr__(self): return repr(self)\nprint(A())", "RecursionError"),
    ("class A:\n    def __eq__(self, other): return self == other\nA() == A()", "RecursionError"),
    ("class A:\n    def __str__(self): raise ValueError('evil')\nprint(A())", "evil"),
    ("sorted([3, 1, 2], key=lambda x: 1 / 0)", "ZeroDivisionError"),
    ("a = [3, 2, 1]\na.sort(key=lambda x: a.append(x) or x)", "ValueError"),
    ("d = {1: 1}\nfor k in d:\n    d[k + 1] = 1", "RuntimeError"),
    ("def f(n): return [f(n)] == [f(n)]\nf(1)", "RecursionError"),
    ("a = []\na.append(a)\njson.dumps(a)", "ValueError"),
    ("json.loads('[' * 10**6)", "RecursionError"),
    ("json.loads('[' * 10)", "JSONDecodeError"),
    ("int('9' * 10**6)", "ValueError"),
    ("re.compile('(' * 10**5 + ')' * 10**5)", "RecursionError"),
    ("'{:>100000000000}'.format(1)", "ValueError"),
    ("f'{1:>{10**11}}'", "ValueError"),
    ("chunk_by_section('abc', 10, 10)", "overlap (10) must be smaller than max_chunk_size (10)"),
    ("chunk_by_section('abc', max_chunk_size=0)", "must be at least 1"),
    ("chunk_by_section('abc', 10, overlap=-1)", "overlap is negative"),
    ("chunk_by_section('abc', 10.5)", "must be an int, not float"),
    ("chunk_by_section(context)", "doc must be a str, not list"),
    ("chunk_by_section('abc', size=5)", "unexpected keyword argument 'size'"),
    ("chunk_by_section('abc', 1, 0, 9)", "at most 3 arguments"),
    ("chunk_by_section()", "missing 1 required"),
    ("chunk_by_page('abc', ['('])", "page_markers"),
    ("chunk_by_page('abc', ['(a{1000}){1000}'])", "page_markers"),
    ("def f():\n    yield 1\nf()[0]", "TypeError"),
    ("yield 1", "SyntaxError"),
    ("class B(Base):\n    pass", "line 1:\n    class B(Base):\nNameError"),
    ("def prepare_jobs(context):\n    return (JobManifest('c', 't') for i in range(3000))", "more than 2048"),
    ("def prepare_jobs(context):\n    yield JobManifest('c', 't')\n    1 / 0", "line 3, in prepare_jobs"),
    ("def prepare_jobs(context): return 5", "must return a list of JobManifest, not int"),
    ("def prepare_jobs(context): return [('c', 't')]", "prepare_jobs()[0] is a tuple"),
    ("def prepare_jobs(context): return [JobManifest(b'c', 't')]", "chunk must be a str, not bytes"),
    ("def prepare_jobs(context): return [JobManifest('c', None)]", "task must be a str, not NoneType"),
    ("def prepare_jobs(context): return [JobManifest('\\ud800', 't')]", "half of a surrogate pair"),
    (
        "class L(list):\n    def __len__(self): return -5\ndef prepare_jobs(context): return L([JobManifest('c', 't')])",
        "__len__() should return",
    ),
    (
        "class L:\n    def __iter__(self):\n        while True: yield JobManifest('c', 't')\ndef prepare_jobs(context): return L()",
        "more than 2048",
    ),
    (
        "class J:\n    task = 't'\n    @property\n    def chunk(self): 1 / 0\ndef prepare_jobs(context): return [J()]",
        "line 4, in chunk",
    ),
    ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E()", "E: ZeroDivisionError in its __str__"),
    ("class E(Exception):\n    def __str__(self): return 5\nraise E()", "E: TypeError in its __str__"),
    (
        "class R:\n    def __repr__(self): 1 / 0\nraise KeyError(R())",
        "KeyError: ZeroDivisionError in its __str__",
    ),
    ("raise type('E' * 10**6, (Exception,), {})()", "EEE..."),
    ("e = SyntaxError('x')\ne.filename, e.lineno, e.msg = '<supervisor>', 'z', 5\nraise e", "SyntaxError: 5"),
    ("raise ExceptionGroup('g' * 10**6, [ValueError(n) for n in range(10**4)])", "ggg..."),
    ("def f(a): return a\nf.__defaults__ = 1, 2, 3\nf()", "line 3:\n    f()"),
    (
        "def f():\n    while True:\n        try: yield\n        except GeneratorExit: pass\na = f()\nnext(a)\na.close()",
        "line 7",
    ),
];

/// Never ends, or not soon.
const ENDLESS: &[&str] = &[
    "while True: pass",
    "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
    "try:\n    while True: pass\nfinally:\n    while True: pass",
    "for a in range(10**9):\n    for b in range(10**9):\n        pass",
    "def f():\n    try:\n        f()\n    except RecursionError:\n        f()\nf()",
    "sum(itertools.count())",
    "-1 in itertools.count()",
    "any(itertools.repeat(0))",
    "sum(range(10**13))",
    "while True: print('x' * 10**6)",
    "for i in range(10**9): print(i)",
    "for i in range(10**9):\n    try:\n        nosuch()\n    except NameError:\n        pass",
    "for i in range(10**9):\n    try:\n        open('x')\n    except PermissionError:\n        pass",
    "while True:\n    a = []\n    a.append(a)",
    "class A:\n    def __repr__(self):\n        while True: pass\nraise ValueError(str(A()))",
    "class A:\n    def __eq__(self, other): return False\n    def __hash__(self): return 1\nd = {A(): i for i in range(10**6)}",
    "while True: chunk_by_section('a' * 10**6, 10, 1)",
    "re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "re.search(r'(a|a)*b', 'a' * 10**4)",
    "re.match(r'((a+)+)\\2$', 'a' * 60 + 'b')",
    "class A:\n    def __del__(self):\n        while True: pass\nA()",
    "import weakref\nclass A: pass\ndef f(r):\n    while True: pass\na = A()\nr = weakref.ref(a, f)\ndel a",
    "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E()",
    "class J:\n    task = 't'\n    @property\n    def chunk(self):\n        while True: pass\ndef prepare_jobs(context): return [J()]",
    "def prepare_jobs(context): return []\nprepare_jobs.__wrapped__ = prepare_jobs",
];

/// Asks for more than there is.
const GREEDY: &[&str] = &[
    "'a' * 10**12",
    "b'a' * 10**12",
    "[0] * 10**10",
    "10 ** 10 ** 10",
    "1 << 10**11",
    "s = 'a'\nwhile True: s += s",
    "s = [1]\nwhile True: s = s + s",
    "s = [1]\nwhile True: s.extend(s)",
    "d = {}\nwhile True: d[len(d)] = 'x' * 1000",
    "a = [1]\nfor x in a: a.append(x)",
    "a = []\nwhile True:\n    try:\n        a.append('x' * 10**7)\n    except BaseException:\n        pass",
    "f'{1:>{10**9}}'",
    "'{:>2000000000}'.format(1)",
    "'1'.zfill(10**12)",
    "('a' * 10**5).replace('a', 'b' * 10**8)",
    "','.join(['a' * 10**6] * 10**6)",
    "json.dumps([1], indent=10**12)",
    "list(range(10**12))",
    "set(range(10**11))",
    "list(itertools.count())",
    "list(zip(itertools.count(), itertools.count()))",
    "from itertools import product\nlist(product(range(1000), repeat=9))",
    "list(x for x in itertools.count())",
    "print('x' * 10**9)",
    "raise ValueError('x' * 10**9)",
    "chunk_by_section('a' * 10**7, 1, 0)",
    "f = lambda: 1\nfor i in range(10**6):\n    f = (lambda g: lambda: g())(f)",
];

/// Contained in one way or another: by an error, a limit or a kill.
const STOPPED: &[&str] = &[
    "a = 3 ** 10**6\nwhile True: a = a * a",
    "str(10 ** 10**7)",
    "re.search(r'(?=(a+)+$)b', 'a' * 10**5)",
    "re.sub('', 'b' * 10**6, 'a' * 10**6)",
    "math.factorial(10**9)",
    "chunk_by_section('a' * 10**6, 10**5, 10**5 - 1)",
    "import unicodedata\nwhile True: unicodedata.normalize('NFKD', '\\ufdfa' * 10**6)",
    "a = []\nfor i in range(10**6): a = [a]\nrepr(a)",
    "m = [1]\nfor i in range(10**6): m = enumerate(m)\nlist(m)",
    "raise SystemExit(0)",
    "len = iter = getattr = isinstance = type = str = None\n1 / 0",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(m): return re.sub('a', f, 'a')\nf(0)",
    "import ast\nast.parse('-' * 100_000 + '1')",
    "import queue\nqueue.Queue().get()",
    "9 ** 9 ** 9",
    "import sys\nfor f in [sys._getframe().f_back]:\n    while f.f_back: f = f.f_back\n    f.f_globals.clear()",
    "import sys\nsys.modules.clear()\nimport re",
    "import sys\nsys.unraisablehook = sys.excepthook = lambda *a: 1 / 0\nraise ValueError",
];

/// Odd, but no harm done.
const HARMLESS: &[&str] = &[
    "a = []\na.append(a)\nprint(a)\nrepr(a)",
    "def chunk_by_page(doc): return 'mine'\ndef print(*x): return 1\ncontext.append(print(1))\ncontext.clear()",
    "JobManifest = None",
    "a = ()\nfor i in range(10**5):\n    a = (a,)\nhash(a)",
    "def f():\n    while True:\n        try: yield 1\n        finally: yield 2\na = [f() for n in range(1000)]\n[next(g) for g in a]\ndel a",
    "class A:\n    def __del__(self): raise ValueError('x' * 10**5)\nfor i in range(100): A()",
    "a = []\nclass A:\n    def __del__(self): a.append(self)\nA()\na.clear()",
    "class A:\n    def __init__(self): self.a = self\nfor i in range(10**4): A()",
    "open.__globals__['load']('_thread').start_new_thread(print, ())",
    "import sys\nvars(sys.modules['builtins']).clear()\n__builtins__.clear()",
    "f = int\nfrom functools import partial\nfor i in range(10**5): f = partial(f)\nf()",
    "x = 1; ",
    "",
    "\u{feff}x = 1",
    "x = '\u{1F469}\u{200D}\u{1F469} e\u{301}'\r\ny = 2\r\n",
];

fn generated() -> Vec<String> {
    let deep = 100_000;
    let around =
        |open: &str, close: &str, times: usize| format!("x = {}{}", open.repeat(times), close.repeat(times));
    vec![
        around("(", ")", deep),
        around("[", "]", deep),
        around("{1:", "}", 30_000),
        around("f(", ")", 30_000),
        around("[x for x in ", "]", 10_000),
        format!("x = {}1", "-".repeat(deep)),
        format!("x = {}1", "not ".repeat(50_000)),
        format!("x = {}1", "lambda:".repeat(30_000)),
        format!("x = {}1", "1 if 1 else ".repeat(20_000)),
        format!("x = 1{}", "+1".repeat(deep)),
        format!("x = x{}", ".a".repeat(deep)),
        format!("x = x{}", "[0]".repeat(80_000)),
        format!("if 0: pass\n{}", "elif 0: pass\n".repeat(19_000)),
        (0..600).map(|depth| format!("{}if 1:\n", " ".repeat(depth))).collect(),
        format!("with {}a: pass", "a,".repeat(20_000)),
        format!("f({})", "1,".repeat(50_000)),
        "x = 1\n".repeat(1_000_000),
        format!("x = '{}'", "a".repeat(10_000_000)),
    ]
}

fn sandbox(time: Duration) -> Sandbox {
    let limits = SandboxLimits { time, memory: 64 << 20, ..SandboxLimits::default() };
    let program = SandboxExecutable::new(env!("CARGO_BIN_EXE_minions"), [CHILD_COMMAND]);
    Sandbox { limits, ..Sandbox::new(program) }
}

/// The verdict on one attempt.
async fn attempt(code: &str, time: Duration) -> Result<Vec<JobManifest>, CodeError> {
    let attempt = async {
        let mut session = sandbox(time).start(code, &["alpha beta"]).await?;
        session.prepare_jobs(&[], &[]).await
    };
    within(&format!("the verdict on {}", shown(code)), attempt).await.map_err(|error| match error {
        SandboxError::Code(error) => error,
        other => panic!("{}: {other}", shown(code)),
    })
}

fn shown(code: &str) -> String {
    code.chars().take(60).collect()
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Lets the attempts run; they leave nothing behind, neither children nor memory of the parent.
async fn flat(attempts: impl Future<Output = ()>) {
    let session = sandbox(LONG).start("", &["doc"]).await.unwrap();
    assert_eq!(children(), 1, "what counts the children does not count");
    drop(session);
    let before = resident();
    attempts.await;
    let grown = resident().saturating_sub(before);
    assert!(grown < FLAT, "the parent grew by {grown} bytes");
    // A child that was killed takes a moment to end, and to be taken away.
    until_async("the end of every child", || children() == 0).await;
}

fn short(error: &CodeError) -> String {
    let message = error.to_string();
    assert!(message.len() < 10_000, "{} bytes of message", message.len());
    message
}

#[tokio::test]
#[ignore = "code_that_is_denied_is_contained runs it in a process of its own"]
async fn every_denied_snippet() {
    flat(async {
        for (code, part) in DENIED.iter().chain(BROKEN) {
            let message = short(&attempt(code, LONG).await.unwrap_err());
            assert!(message.contains(part), "{}: {message}", shown(code));
        }
        for code in HARMLESS {
            let error = attempt(code, LONG).await.unwrap_err();
            assert_eq!(error, CodeError::Missing("prepare_jobs".to_owned()), "{}", shown(code));
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "code_without_an_end_is_contained runs it in a process of its own"]
async fn every_endless_snippet() {
    flat(async {
        // Together: they are nothing but waiting.
        for error in join_all(ENDLESS.iter().map(|code| attempt(code, SHORT))).await {
            let error = error.unwrap_err();
            assert!(matches!(error, CodeError::Timeout { .. }), "{error}");
        }
        for code in GREEDY {
            let error = attempt(code, LONG).await.unwrap_err();
            assert!(matches!(error, CodeError::Memory { .. }), "{}: {error}", shown(code));
        }
        for code in STOPPED.iter().map(|code| (*code).to_owned()).chain(generated()) {
            short(&attempt(&code, SHORT).await.unwrap_err());
            let trivial = "def prepare_jobs(context):\n    return [JobManifest(context[0], 'task')]";
            let after = attempt(trivial, LONG).await.unwrap();
            assert_eq!(&*after[0].chunk, "alpha beta");
        }
    })
    .await;
}

/// How many processes are ours, zombies too.
fn children() -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        // The parent is the second field after the name, which is in brackets and may hold anything.
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    });
    stats.filter(|parent: &u32| *parent == std::process::id()).count()
}

fn passes(name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("sandbox_hostile::{name}"), "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

#[test]
fn code_that_is_denied_is_contained() {
    passes("every_denied_snippet");
}

#[test]
fn code_without_an_end_is_contained() {
    passes("every_endless_snippet");
}
