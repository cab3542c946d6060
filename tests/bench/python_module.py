"""What the Python module costs. usage: python_module.py BINARY [WHEEL]

A server in this process answers both sides at once. Printed are the import, what a call takes beyond the program alone,
the memory that a long document takes in the interpreter, and the size of the wheel, against the limits that we set ourselves.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from overhead import Handler, Server
from table import row

RUNS = 30
ROOT = Path(__file__).resolve().parents[2]
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
import os, resource, subprocess, sys, json, time
from minions import Minion
from minions.clients import VLLMClient
client = lambda name: VLLMClient(name, base_url=os.environ["SERVER"])
minion = Minion(client("worker"), client("supervisor"))
"""


def beyond_the_program(server):
    """Milliseconds of a call beyond those of the program with the same job, from pipe to pipe."""
    code = CALL + """
run = minion.stream("Who signed?", ["Signed by Ada."])
job = json.dumps(run.job)
quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
def alone():
    subprocess.run([os.environ["MINIONS_BINARY"], "run", "--quiet"], input=job.encode(), check=True, **quiet)
def module():
    minion("Who signed?", ["Signed by Ada."])
times = {alone: [], module: []}
for _ in range(%d):
    for what, taken in times.items():
        began = time.perf_counter()
        what()
        taken.append(time.perf_counter() - began)
print(sorted(times[module])[%d] - sorted(times[alone])[%d])
""" % (RUNS, RUNS // 2, RUNS // 2)
    return float(python(code, SERVER=server)) * 1000


def memory(server, protocol):
    """Megabytes beside the document itself, at the most."""
    code = CALL + """
from minions import Minions, LocalOnly
text = "Signed by Ada, and by nobody else but her.\\n" * (%d // 43)
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
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    with tempfile.TemporaryDirectory() as logs:
        os.environ["MINIONS_LOG_DIR"] = logs
        row("Python: import", importing(), 30, "ms", "<= 1")
        row("Python: a call beyond the program", beyond_the_program(url), 10, "ms", "<= 1")
        sent = memory(url, "from minions.json_pieces import pieces; [len(piece) for piece in pieces({'context': [text]})]")
        row("Python: memory to send 100 MB", sent, 20, "MB", "<= 1")
        whole = memory(url, "Minions(client('worker'), client('supervisor'))('Who?', 'A log.', [text])")
        row("Python: memory of a job over 100 MB", whole, 100, "MB", "<= 1")
    if wheel:
        row("Python: the wheel", os.stat(wheel).st_size / 1e6, 45, "MB", "<= 1")


if __name__ == "__main__":
    main(*sys.argv[1:])
