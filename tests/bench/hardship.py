"""Random hardship: signals, closed and full outputs, limits of the machine. usage: hardship.py BINARY [RUNS] [SEED]

Each run must end with exactly one envelope (a batch: one whole line for each job that ended), or, where stdout is gone, with
an exit code that says so, and leave no process behind. What did not is listed, and the exit code is then 1. As root it
also fills small disks.
"""

import collections
import functools
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

from model_server import ModelServer

CODES = {0, 1, 2, 3, 65, 124, 129, 130, 143}
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
LATENCY = 0.05


def job(server, rng, protocol, size):
    return {
        "local_client": server.client("worker"),
        "remote_client": server.client("supervisor"),
        "protocol": {"type": protocol, "max_rounds": 2},
        "budget": {"deadline_s": 30},
        "call_params": {"task": "Who signed?", "context": [f"{rng.random()} lorem ipsum " * (size // 30)]},
    }


def limits(rng):
    """A name, and the (resource, value) to set."""
    kind = rng.choice(["-v", "-f", "-n", "-t", "-u", "none", "none", "none"])
    if kind == "-v":
        megabytes = int(10 ** rng.uniform(1.3, 3.3))
        return f"-v {megabytes} MB", [(resource.RLIMIT_AS, megabytes << 20)]
    if kind == "-f":
        size = rng.choice([0, 1, 512, 1024, 4096, 1 << 16])
        return f"-f {size} B", [(resource.RLIMIT_FSIZE, size)]
    if kind == "-n":
        count = rng.randint(3, 80)
        return f"-n {count}", [(resource.RLIMIT_NOFILE, count)]
    if kind == "-t":
        return "-t 1", [(resource.RLIMIT_CPU, 1)]
    if kind == "-u":
        # Root may have any number.
        count = rng.randint(1, 20)
        return f"-u {count}", [(resource.RLIMIT_NPROC, count)]
    return "no limit", []


def stdout(rng, folder):
    """A name, and what is handed to the child."""
    kind = rng.choice(["pipe"] * 5 + ["file", "small disk", "closed", "full", "no reader"])
    if kind == "small disk" and os.getuid() != 0:
        kind = "file"
    if kind == "small disk":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={rng.choice([4, 16, 64])}k", "none", folder], check=True)
        # What is left of it holds no result, or one.
        with open(os.path.join(folder, "filler"), "wb") as filler:
            filler.write(bytes(rng.choice([0, 1, 4]) << 10))
    if kind in ("file", "small disk"):
        return kind, open(os.path.join(folder, "out"), "wb")
    if kind == "full":
        return kind, open("/dev/full", "wb")
    if kind == "no reader":
        reader, writer = os.pipe()
        os.close(reader)
        return kind, os.fdopen(writer, "wb")
    return kind, subprocess.PIPE


def run(binary, server, rng):
    """What was done to it, and the complaint; no complaint if it ended well."""
    protocol = rng.choice(["minion", "minions"])
    count = rng.choice([1, 1, 1, 2, 8])
    size = int(10 ** rng.uniform(2, 6.3 if count == 1 else 5))
    limit, settings = limits(rng)
    with tempfile.TemporaryDirectory() as folder:
        kind, out = stdout(rng, folder)
        jobs = [job(server, rng, protocol, size) for _ in range(count)]
        is_batch = count > 1
        for number, one in enumerate(jobs):
            if is_batch:
                one["custom_id"] = f"job-{number}"
        text = "".join(json.dumps(one) + "\n" for one in jobs).encode()
        number = rng.choice([None, None] + SIGNALS)
        after = rng.choice([rng.uniform(0, 0.01), rng.uniform(0, 0.6)])

        def prepare():
            if kind == "closed":
                os.close(1)
            if any(what == resource.RLIMIT_NPROC for what, _ in settings) and os.getuid() == 0:
                os.chmod(folder, 0o777)
                os.setgid(65534)
                os.setuid(65534)
            for what, value in settings:
                resource.setrlimit(what, (value, value))

        words = [binary, "batch"] if is_batch else [binary]
        what = f"{protocol} x{count}, {size} B, {limit}, stdout {kind}, {number and number.name} after {after:.3f} s"
        begun = time.monotonic()
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, cwd=folder,
                                 preexec_fn=prepare, start_new_session=True)
        if out is not subprocess.PIPE:
            out.close()
        if number is not None:
            timer = threading.Timer(after, child.send_signal, [number])
            timer.start()
        try:
            said, words_of_it = child.communicate(text, timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return what, "hangs"
        if number is not None:
            timer.cancel()
        if kind in ("file", "small disk"):
            with open(os.path.join(folder, "out"), "rb") as file:
                said = file.read()
        complaint = judge(child, kind, limit, number, said or b"", words_of_it, count)
        if complaint is None and left_behind(folder):
            complaint = "a child is left"
        if kind == "small disk":
            subprocess.run(["umount", "-l", folder], check=True)
        return f"{what} ({time.monotonic() - begun:.1f} s)", complaint


def left_behind(folder):
    """Whether a process still works in `folder`, a moment later at the latest."""
    for _ in range(40):
        found = False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                found |= os.readlink(f"/proc/{pid}/cwd").startswith(folder)
            except OSError:
                pass
        if not found:
            return False
        time.sleep(0.05)
    return True


@functools.cache
def loadable(binary):
    """Megabytes of address space that the program takes to start at all, which depends on its size."""
    for megabytes in range(8, 1024, 4):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

        if subprocess.run([binary, "--version"], preexec_fn=limit, capture_output=True).returncode == 0:
            return megabytes
    return 1024


def judge(child, kind, limit, number, said, words, count):
    code = child.returncode
    tail = words.decode(errors="replace").strip()[-200:]
    # A signal before there are handlers ends a process without a word, and so does the loader without memory.
    if number is not None and code == -int(number) and not said:
        return None
    # Without a file to spare there are none at all, and it may come behind the envelope that says so.
    if number is not None and code == -int(number) and b"the signals can't be listened to" in said:
        return None
    if code == 127 and "loading shared libraries" in tail and not said:
        return None
    # With less than it takes to print its version, the program can't say anything.
    if limit.startswith("-v") and int(limit.split()[1]) < loadable(child.args[0]) and code != 0 and not said:
        return None
    if code not in CODES:
        return f"exit code {code}: {tail}"
    if kind in ("closed", "full", "no reader"):
        return f"exit code 0 without a stdout: {tail}" if code == 0 and not said else None
    is_short = kind == "small disk" or (kind == "file" and limit.startswith("-f"))
    complaint = judge_envelope(code, said, tail) if count == 1 else judge_lines(code, said, words, count)
    # What does not fit is cut off, and the exit code says so.
    return None if is_short and code != 0 else complaint


def judge_envelope(code, said, tail):
    try:
        envelope = json.loads(said)
    except ValueError:
        return f"no envelope, exit code {code}: {said[-80:]!r} {tail}"
    if envelope["success"] != (code == 0):
        return f"exit code {code} for {envelope['error']}"
    if "defect of minions" in (envelope["error"] or ""):
        return f"said to be a defect: {envelope['error']}"
    return None


def judge_lines(code, said, words, count):
    if said and not said.endswith(b"\n"):
        return f"a torn line, exit code {code}: {said[-80:]!r}"
    lines = [json.loads(line) for line in said.splitlines()]
    ids = {line["custom_id"] for line in lines}
    if len(ids) != len(lines):
        return "a line twice"
    if code == 0 and len(lines) != count:
        return f"exit code 0 with {len(lines)} of {count} lines"
    for line in lines:
        if "defect of minions" in (line["error"] or ""):
            return f"said to be a defect: {line['error']}"
    told = words.decode(errors="replace")
    # Jobs that ended are counted on stderr.
    summary = re.search(r"jobs: (\d+) done, (\d+) failed,(?: (\d+) stopped,)?", told)
    ended = sum(int(number or 0) for number in summary.groups()) if summary else None
    if ended is not None and ended != len(lines):
        return f"{ended} jobs ended, {len(lines)} have a line"
    if code == 65 and not lines and "goes on with --resume" not in told:
        return "memory ran out, and nobody says so"
    return None if told or code == 0 else f"exit code {code} without a word"


def main():
    binary = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    server = ModelServer(slots=16, latency=lambda prompt: LATENCY)
    complaints = []
    for number in range(runs):
        what, complaint = run(binary, server, rng)
        if complaint:
            complaints.append((number, what, complaint))
            print(f"{number:4} {what}\n     {complaint}", flush=True)
    kinds = collections.Counter(complaint.split(":")[0] for _, _, complaint in complaints)
    print(f"{runs} runs, seed {seed}: {runs - len(complaints)} ended as they should, {len(complaints)} did not {dict(kinds)}")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
