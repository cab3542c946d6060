"""How near estimates are to what llama.cpp's own server then shows, and how long an estimate takes.
usage: estimate.py BINARY PYTHON MODEL.gguf ... [--runs N]

PYTHON has the wheel xllamacpp. For each model, on a machine that does nothing else, N rounds: the estimate of `minions
estimate` before any call, a reply and a prompt by the server's own times, and the estimate after one job on that server; the
memory against the buffers that llama.cpp reports; and the time of the command, measuring everything and from what is kept.
Further models are made of one by `make_gguf.py`.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from table import row

PROMPT, REPLY, WINDOW = 500, 64, 2048
SERVER = """
import os, sys
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.port, params.hostnames = int(sys.argv[2]), 1, 0, ["127.0.0.1"]
params.cache_ram_mib, params.verbosity = 0, 10
out = os.dup(1)
os.dup2(2, 1)
server = Server(params)
os.write(out, f"{server.listening_address}\\n".encode())
sys.stdin.read()
os._exit(0)
"""
WORDS = "wind sail rope deck salt rain gull chart mast anchor keel crew watch bell lamp tide rock sand cape bay".split()


class Server:
    """llama.cpp's server with one slot, and its log."""

    def __init__(self, python, model):
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        pipe = subprocess.PIPE
        command = [python, "-c", SERVER, model, str(WINDOW)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.log, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def times(self, prompt, tokens):
        body = {"prompt": prompt, "n_predict": tokens, "cache_prompt": False, "ignore_eos": True, "temperature": 0}
        request = urllib.request.Request(
            self.url + "/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=900) as answer:
            return json.load(answer)["timings"]

    def buffers(self):
        """MiB of the weights and the buffers of the model that was loaded last: keys and values, to compute in, output.

        Weights that are put into rows are reported twice, as mapped and as copied; the mapped ones are not read again.
        """
        self.log.seek(0)
        found = {}
        for line in self.log:
            if match := re.search(r"(file size|(?:output|KV|RS|compute) buffer size) += *([0-9.]+) ([MG])iB", line):
                found[match[1]] = float(match[2]) * {"M": 1, "G": 1024}[match[3]]
        return sum(found.values())


def words(count):
    return " ".join(random.choice(WORDS) for _ in range(count))


class Minions:
    """The program with a cache of its own."""

    def __init__(self, binary, cache):
        self.binary, self.environment = binary, {"XDG_CACHE_HOME": cache, "PATH": os.environ["PATH"]}

    def estimate(self, model, prompt, tokens):
        command = [self.binary, "estimate", "--json", "--model", model, "--context", str(WINDOW)]
        command += ["--prompt-tokens", str(prompt), "--tokens", str(tokens)]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return json.loads(done.stdout)

    def job(self, url, folder):
        job = {
            "local_client": {"type": "llama_server", "kwargs": {"base_url": url + "/v1", "max_tokens": REPLY}},
            "protocol": {"type": "local_only"},
            "call_params": {"task": "What is it about?", "context": [words(PROMPT)]},
        }
        # Whether the answer is of use does not matter.
        subprocess.run([self.binary], input=json.dumps(job).encode(), env=self.environment, cwd=folder, capture_output=True)

    def milliseconds(self, model):
        begin = time.perf_counter()
        self.estimate(model, 0, 100)
        return (time.perf_counter() - begin) * 1000


def off(estimate, measured):
    """By how many percent an estimate is off."""
    return abs(estimate / measured - 1) * 100


def measure(binary, python, model, runs):
    """Medians of `runs` rounds, each with a cache of its own: what the server does beside a job tells of the same minute."""
    name = os.path.basename(model)
    with Server(python, model) as server:
        server.times("Hello", 8)
        rounds = [one_round(binary, server, model, number) for number in range(runs)]
        memory = server.buffers()

    def median(figure):
        return statistics.median(one[figure] for one in rounds)

    row(f"{name}: writing, before any call: off by", median("before"), 30, "%", "<= 1")
    row(f"{name}: writing, after one job: off by", median("writing"), 10, "%", "<= 1")
    row(f"{name}: the same behind a prompt: off by", median("behind"), 10, "%", "<= 1")
    row(f"{name}: reading, after one job: off by", median("reading"), 20, "%", "<= 1")
    told = median("memory")
    row(f"{name}: memory of {told:.0f} MiB: off by", off(told, memory), 3, "%", "<= 1", 2)
    print(f"  the server: {median('writes'):.1f} and {median('reads'):.1f} tokens/s", flush=True)
    row(f"{name}: an estimate, everything measured", median("measured_ms"), 500, "ms", "<= 1")
    row(f"{name}: an estimate from what is kept", median("kept_ms"), 5, "ms", "<= 1")


def one_round(binary, server, model, number):
    """By how many percent estimates are off before and after one job, and what they take."""
    with tempfile.TemporaryDirectory() as folder:
        minions = Minions(binary, folder)
        measured_ms, kept_ms = minions.milliseconds(model), minions.milliseconds(model)
        before = minions.estimate(model, 8, REPLY)
        short = server.times(f"{number} Tell a story.", REPLY)
        long = server.times(f"{number} {words(PROMPT)}", REPLY)
        for _ in range(5):
            minions.job(server.url, folder)
            behind = minions.estimate(server.url, long["prompt_n"], REPLY)
            # A reply that repeats itself is ended, and tells no times.
            if all(behind[basis].startswith("measured") for basis in ("basis", "prompt_basis")):
                break
        after = minions.estimate(server.url, 8, REPLY)
    writes, reads = short["predicted_per_second"], long["prompt_per_second"]
    return {
        "before": off(before["tokens_per_second"]["likely"], writes),
        "writing": off(after["tokens_per_second"]["likely"], writes),
        "behind": off(behind["tokens_per_second"]["likely"], long["predicted_per_second"]),
        "reading": off(behind["prompt_tokens_per_second"]["likely"], reads),
        "memory": before["memory"]["buffers"] / 2**20,
        "writes": writes,
        "reads": reads,
        "measured_ms": measured_ms,
        "kept_ms": kept_ms,
    }


def main():
    arguments = sys.argv[1:]
    runs = 10
    if "--runs" in arguments:
        at = arguments.index("--runs")
        runs = int(arguments[at + 1])
        del arguments[at : at + 2]
    binary, python, *models = arguments
    random.seed(7)
    for model in models:
        measure(os.path.abspath(binary), python, os.path.abspath(model), runs)


if __name__ == "__main__":
    main()
