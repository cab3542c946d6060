"""What a batch costs besides its models. usage: batch.py BINARY [JOBS]

A server in this process answers both sides at once. Printed are the program's own CPU time for a job, how much its
memory grew from the 100th job to the last, and what is missing or twice after an end in the middle and a resume.
"""

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from model_server import OneAtATime, chat, http, serve
from table import row

ASK = json.dumps({"reasoning": "r", "message": "Who signed?"})
ANSWER = json.dumps({"reasoning": "r", "decision": "provide_final_answer", "message": None, "answer": "Ada"})

WORKER, FIRST, NEXT, MISSING = chat("Ada signed."), chat(ASK), chat(ANSWER), http(404, {})


class Server(OneAtATime):
    """Both sides of the jobs."""

    def answer(self, head, body):
        self.transport.write(self.reply(head, body))

    @staticmethod
    def reply(head, body):
        if head.startswith(b"GET"):
            return MISSING
        if b'"model":"worker"' in body:
            return WORKER
        return NEXT if b'"assistant"' in body else FIRST


def write_jobs(path, url, count):
    def client(model):
        return {"type": "openai", "model_name": model, "kwargs": {"base_url": url}}

    with open(path, "w", encoding="utf-8") as out:
        for number in range(count):
            out.write(json.dumps({
                "custom_id": f"job-{number}",
                "local_client": client("worker"),
                "remote_client": client("supervisor"),
                "call_params": {"task": "Who signed?", "context": [f"{number} lorem ipsum " * 100], "max_rounds": 2},
            }) + "\n")


def resident(pid):
    """In MB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def whole_run(binary, folder, jobs, count, *options):
    """CPU milliseconds a job, growth in MB, jobs a second, bytes of output."""
    before, start = cpu(), time.perf_counter()
    with open(jobs, "rb") as stdin, subprocess.Popen(
        [binary, "batch", *options], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
    ) as child:
        at_first = at_last = 0.0
        size = 0
        for number, line in enumerate(child.stdout, 1):
            assert json.loads(line)["success"], line
            size += len(line)
            if number == 100:
                at_first = resident(child.pid)
            if number == count:
                at_last = resident(child.pid)
    seconds = time.perf_counter() - start
    assert (child.returncode, number) == (0, count)
    return (cpu() - before) * 1000 / count, at_last - at_first, count / seconds, size


def ended_run(binary, folder, jobs, half, how):
    """Ended by a signal once `half` the output is there, then resumed: jobs that succeeded, lines torn or twice."""
    out = os.path.join(folder, f"{how.name}.jsonl")
    with open(jobs, "rb") as stdin, open(out, "ab") as stdout:
        child = subprocess.Popen([binary, "batch"], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, cwd=folder)
        while os.path.getsize(out) < half and child.poll() is None:
            time.sleep(0.001)
        child.send_signal(how)
        assert child.wait() in (-how, 128 + how)
    with open(jobs, "rb") as stdin, open(out, "ab") as stdout:
        subprocess.run([binary, "batch", "--resume", out], stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL,
                       cwd=folder, check=True)
    ids, bad = set(), 0
    with open(out, encoding="utf-8") as lines:
        for line in lines:
            try:
                job = json.loads(line)
            except ValueError:
                bad += 1
                continue
            if job["success"]:
                bad += job["custom_id"] in ids
                ids.add(job["custom_id"])
    return len(ids), bad


def main():
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    url = serve(Server)
    # In memory: what a file system takes for 10,000 logs is its own, and differs by half a millisecond from disk to disk.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        jobs = os.path.join(folder, "jobs.jsonl")
        write_jobs(jobs, url, count)
        own, growth, rate, size = whole_run(binary, folder, jobs, count)
        # In turns, as the difference is small.
        events = ["--events", os.path.join(folder, "events.ndjson")]
        pairs = [[whole_run(binary, folder, jobs, count, *more)[0] for more in ([], events)] for _ in range(5)]
        plain, with_events = map(statistics.median, zip(*pairs))
        ends = [(how, ended_run(binary, folder, jobs, size // 2, how)) for how in (signal.SIGKILL, signal.SIGTERM)]
    row(f"batch of {count:,} ({rate:.0f} jobs/s): own CPU for a job", own, 1, "ms", "<= 1", digits=2)
    row("  the same with --events, in turns", with_events, plain, "ms", "<= 1.01", digits=2)
    row("  memory, 100th job to the last", growth, 60, "MB", "<= 1")
    for how, (succeeded, bad) in ends:
        row(f"  {how.name} and resume: missing", count - succeeded, 0, "jobs", "none", digits=0)
        row(f"  {how.name} and resume: torn or twice", bad, 0, "lines", "none", digits=0)


main()
