"""What the Python module costs. usage: python_module.py BINARY [WHEEL]

A server in this process answers both sides at once. Printed are the import, what a call takes beyond the program alone,
the memory that a long document takes in the interpreter, and the size of the wheel, against the limits that we set ourselves.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from table import row

RUNS = 30
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "python/tests"))
LONG = 100_000_000


def python(code, **more):
    """What `code` prints in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python/src"), **more}
    return subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def importing():
    """Milliseconds of the import, by the interpreter's own clock, after the bytecode was written."""
    code = "import time; a = time.perf_counter(); import minions, minions.minion, minions.clients.ollama; print(time.perf_counter() - a)"
    python(code)
    return statistics.median(float(python(code)) for _ in range(RUNS)) * 1000


CALL = """
import json, os, resource, subprocess, sys, tempfile, time
from minions import Minion
from minions.clients import VLLMClient
client = lambda name: VLLMClient(name, base_url=os.environ["SERVER"])
minion = Minion(client("local"), client("remote"))
"""


def beyond_the_program(server):
    """Milliseconds of a call beyond those of the program with the same job: the best run of each, in turn."""
    code = CALL + """
run = minion.stream("Who sailed?", ["The Aurora sailed."])
job = json.dumps(run.job)
pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
def alone():
    # Its events are a part of what it does.
    with tempfile.NamedTemporaryFile() as events:
        command = [os.environ["MINIONS_BINARY"], "run", "--quiet", "--events", events.name]
        done = subprocess.run(command, input=job.encode(), check=True, **pipes)
        json.loads(done.stdout)
def module():
    minion("Who sailed?", ["The Aurora sailed."])
times = {alone: [], module: []}
for _ in range(%d):
    for what, taken in times.items():
        began = time.perf_counter()
        what()
        taken.append(time.perf_counter() - began)
print(min(times[module]) - min(times[alone]))
""" % RUNS
    return float(python(code, SERVER=server)) * 1000


def memory(server, protocol):
    """Megabytes beside the document itself, at the most."""
    code = CALL + """
from minions import Minions, LocalOnly
text = "The Aurora sailed with forty barrels of oil.\\n" * (%d // 45)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    %s
except Exception as error:
    print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""" % (LONG, protocol)
    return float(python(code, SERVER=server)) * 1024 / 1e6


def main(binary, wheel=None):
    os.environ["MINIONS_BINARY"] = os.path.abspath(binary)
    from scripted import PROGRAM, Server, supervisor

    # One job of a long document: what the models read is not measured.
    program = PROGRAM.replace("context:", "[context[0][:2000]]:")
    url = Server(lambda text: program if supervisor(text) == PROGRAM else supervisor(text)).url + "/v1"
    with tempfile.TemporaryDirectory() as logs:
        os.environ["MINIONS_LOG_DIR"] = logs
        row("Python: import", importing(), 30, "ms", "<= 1")
        row("Python: a call beyond the program", beyond_the_program(url), 10, "ms", "<= 1")
        sent = memory(url, "from minions.json_pieces import pieces; [len(piece) for piece in pieces({'context': [text]})]")
        row("Python: memory to send 100 MB", sent, 20, "MB", "<= 1")
        whole = memory(url, "Minions(client('local'), client('remote'))('Who?', 'A log.', [text])")
        row("Python: memory of a job over 100 MB", whole, 100, "MB", "<= 1")
    if wheel:
        row("Python: the wheel", os.stat(wheel).st_size / 1e6, 45, "MB", "<= 1")


if __name__ == "__main__":
    main(*sys.argv[1:])
