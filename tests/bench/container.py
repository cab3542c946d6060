"""What the container costs besides its models. usage: container.py

Needs what scripts/test-container.sh leaves on the Docker Engine: the image `minions` on a stand-in for Ollama, which
answers at once. The supervisor is a server in this process, whose time counts as ours. Printed are

* cold: from the daemon's first answer until the worker's first request reaches it, in a container of its own (a
  `docker run`); promised are 500 ms;
* warm: a job by `docker exec` in the persistent container, less `docker exec true`; promised are 150 ms.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from model_server import ModelServer
from table import row

RUNS = 10
NAME = "minions-bench"


def docker(*words, text=None):
    """Runs docker: its stdout and how long it took, in ms."""
    start = time.perf_counter()
    done = subprocess.run(["docker", *words], input=text, capture_output=True, text=True)
    took = (time.perf_counter() - start) * 1000
    if done.returncode != 0:
        sys.exit(f"docker {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout, took


def gateway():
    """This machine's address in the containers' network."""
    routes, _ = docker("run", "--rm", "--entrypoint", "cat", "minions", "/proc/net/route")
    default = next(line.split()[2] for line in routes.splitlines() if line.split()[1] == "00000000")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(default)))


def cold(job, folder):
    """From the daemon's first answer to the first request for the worker."""
    times = os.path.join(folder, "times")
    if os.path.exists(times):
        os.remove(times)
    docker("run", "--rm", "-i", "-v", f"{folder}:/app/minion_logs", "-e", "STANDIN_MODELS=m",
           "-e", "STANDIN_DISCOVERY_MS=300", "-e", "STANDIN_NOTES=/app/minion_logs/times", "minions", text=job)
    with open(times) as file:
        notes = dict(line.split() for line in file)
    return float(notes["chat"]) - float(notes["ready"])


def main():
    if subprocess.run(["docker", "image", "inspect", "minions"], capture_output=True).returncode != 0:
        sys.exit("No image `minions` on a Docker Engine here: run scripts/test-container.sh first.")
    job = json.dumps({
        "local_client": {"type": "ollama", "model_name": "m"},
        "remote_client": ModelServer(host=gateway()).client("supervisor"),
        "call_params": {"task": "Who signed?", "context": ["lorem ipsum " * 100], "max_rounds": 2},
    })
    with tempfile.TemporaryDirectory() as folder:
        colds = [cold(job, folder) for _ in range(RUNS)]
    subprocess.run(["docker", "rm", "-f", NAME], capture_output=True)
    docker("run", "-d", "--name", NAME, "-e", "STANDIN_MODELS=m", "minions")
    try:
        execute = ["exec", "-i", NAME, "/app/start_minion.sh"]
        docker(*execute, text=job)
        trues, jobs = [], []
        for _ in range(RUNS):
            trues.append(docker("exec", "-i", NAME, "true", text="")[1])
            output, took = docker(*execute, text=job)
            assert json.loads(output)["result"]["final_answer"] == "done", output
            jobs.append(took)
    finally:
        docker("rm", "-f", NAME)
    base = statistics.median(trues)
    row("container, cold: daemon ready to first request, median", statistics.median(colds), 500, "ms", "<= 1")
    row("  worst", max(colds), 500, "ms", "<= 1")
    row(f"container, warm: job less {base:.0f} ms of docker exec, median", statistics.median(jobs) - base, 150, "ms", "<= 1")
    row("  worst", max(jobs) - base, 150, "ms", "<= 1")


if __name__ == "__main__":
    main()
