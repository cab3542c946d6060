"""How full a fan-out keeps a server's slots. usage: fan_out.py BINARY

A scripted server stands in for the model: slots and latency are known, so the shortest possible time is, too. Printed is
the time of all worker calls (the result's local_call_time) against it.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

from model_server import ModelServer
from table import row


def run(binary, server, documents):
    """Seconds from the first worker call to the last."""
    job = {
        "local_client": server.client("worker"),
        "remote_client": server.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "t", "context": documents},
    }
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([binary], input=json.dumps(job), capture_output=True, text=True, cwd=folder)
    result = json.loads(done.stdout)["result"]
    assert result["status"] == "answered", done.stderr
    return result["timing"]["local_call_time"]


def bound(lengths, slots):
    return max(sum(lengths) / slots, max(lengths))


def rows(binary):
    for tells in (True, False):
        word = "told" if tells else "found"
        # 26 chunks and 2 tasks: waves of the slots, and a last one that they do not fill.
        server = ModelServer(tasks=("Who?", "Where?"), slots=4, tells=tells, latency=lambda _: 0.1)
        yield f"fan-out: 52 jobs of 100 ms, 4 slots ({word})", run(binary, server, [f"d{n}" for n in range(26)]), 1.3, 1.05
        for slots in (1, 16):
            server = ModelServer(slots=slots, tells=tells, latency=lambda _: 0.02)
            jobs = 64 * slots
            took = run(binary, server, [f"d{n}" for n in range(jobs)])
            yield f"fan-out: {jobs} jobs of 20 ms, {slots} slots ({word})", took, 0.02 * jobs / slots, 1.25
    # A chunk's length decides how long its calls take.
    random.seed(7)
    sizes = [random.randint(200, 4000) for _ in range(260)]
    server = ModelServer(tasks=("Who?", "Where?"), slots=4, tells=True, latency=lambda prompt: len(prompt) / 50_000)
    documents = [f"d{n} " + "x" * size for n, size in enumerate(sizes)]
    took = run(binary, server, documents)
    lengths = [len(body["messages"][-1]["content"]) / 50_000 for body in server.bodies]
    yield "fan-out: 520 jobs of 10 to 100 ms, 4 slots (told)", took, bound(lengths, 4), 1.08


def main():
    for name, took, ideal, most in rows(os.path.abspath(sys.argv[1])):
        row(name, took, ideal, "s", f"<= {most}", digits=3)


main()
