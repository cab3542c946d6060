#!/usr/bin/env python3
"""Builds the tests as `cargo test CARGO_OPTION...` does and runs each in a process of its own, with a limit.

usage: run-tests.py [--alone PART | --per-core PART]... [CARGO_OPTION...]
A test is reported as slow after 10 s; after 120 s it is killed with all that it has started. Tests with PART in their
name run after the others: one at a time, or one per core. Ignored tests stay ignored.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

SLOW, LIMIT = 10, 120
# Most tests wait for their processes and servers more than they compute.
AT_ONCE = 2 * os.cpu_count()

# The processes of tests.
running = set()


def programs(options):
    """The name, the folder to run in and the path of each test program."""
    command = ["cargo", "test", "--no-run", "--message-format=json-render-diagnostics", *options]
    built = subprocess.run(command, stdout=subprocess.PIPE)
    if built.returncode:
        sys.exit(built.returncode)
    for message in map(json.loads, built.stdout.splitlines()):
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            yield message["target"]["name"], os.path.dirname(message["manifest_path"]), message["executable"]


def listed(program, *options):
    """The names of a program's tests."""
    lines = subprocess.run([program, "--list", "--format=terse", *options], stdout=subprocess.PIPE, check=True, text=True)
    return {line.removesuffix(": test") for line in lines.stdout.splitlines() if line.endswith(": test")}


class Test:
    def __init__(self, crate, folder, program, name):
        self.title = f"{crate} {name}"
        self.folder, self.command = folder, [program, "--exact", name]
        self.output, self.failure = "", None

    def run(self):
        begun = time.monotonic()
        # A file, as a pipe would stay open as long as anything that the test has left behind.
        with tempfile.TemporaryFile() as output:
            # A session of its own, so that what it leaves behind is killed with it.
            process = subprocess.Popen(
                self.command, cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )
            running.add(process)
            self.failure = self.wait(process)
            running.remove(process)
            end_group(process)
            output.seek(0)
            self.output = output.read().decode(errors="replace")
        if not self.failure and "1 passed" not in self.output:
            self.failure = "was not run"
        took = time.monotonic() - begun
        if took > SLOW or self.failure:
            print(f"  {took:.0f} s: {self.title} {self.failure or ''}", flush=True)

    def wait(self, process):
        """Why it failed, or None."""
        try:
            process.wait(SLOW)
        except subprocess.TimeoutExpired:
            print(f"  more than {SLOW} s: {self.title}", flush=True)
        try:
            return "failed" if process.wait(LIMIT - SLOW) else None
        except subprocess.TimeoutExpired:
            return f"was killed after {LIMIT} s"


def end_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run_all(tests, at_once):
    with ThreadPoolExecutor(at_once) as pool:
        try:
            list(pool.map(Test.run, tests))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                end_group(process)
            raise


def main(arguments):
    parts = {"--alone": [], "--per-core": []}
    while arguments and arguments[0] in parts:
        parts[arguments[0]].append(arguments[1])
        arguments = arguments[2:]
    tests = [
        Test(crate, folder, program, name)
        for crate, folder, program in programs(arguments)
        for name in sorted(listed(program) - listed(program, "--ignored"))
    ]
    alone, per_core = ([test for test in tests if any(part in test.title for part in those)] for those in parts.values())
    print(f"{len(tests)} tests, {len(per_core)} of them one per core and {len(alone)} one at a time", flush=True)
    run_all([test for test in tests if test not in alone + per_core], AT_ONCE)
    run_all(per_core, os.cpu_count())
    run_all(alone, 1)
    failed = [test for test in tests if test.failure]
    for test in failed:
        print(f"\n==== {test.title} {test.failure}\n{test.output}")
    print(f"{len(tests) - len(failed)} passed, {len(failed)} failed", flush=True)
    sys.exit(0 if tests and not failed else 1)


try:
    main(sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(130)
