"""How near estimates are to what llama.cpp's own server then shows, and how long an estimate takes.
usage: estimate.py BINARY PYTHON MODEL.gguf ... [--runs N]

PYTHON has the wheel xllamacpp. For each model, on a machine that does nothing else: the estimate of `minions estimate` before
any call; the median of N replies and prompts by the server's own times; the estimate after one job on that server; the memory
against the buffers that llama.cpp reports; and the time of the command, measuring everything and from what is kept. Further
models are made of one by `make_gguf.py`.
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

    def times(self, prompt, tokens, has_read=False):
        body = {"prompt": prompt, "n_predict": tokens, "cache_prompt": has_read, "ignore_eos": True, "temperature": 0}
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

    def seconds(self, model):
        begin = time.perf_counter()
        self.estimate(model, 0, 100)
        return time.perf_counter() - begin


def off(estimate, measured):
    """By how many percent an estimate is off."""
    return abs(estimate / measured - 1) * 100


def measure(binary, python, model, runs):
    name = os.path.basename(model)
    with tempfile.TemporaryDirectory() as folder, Server(python, model) as server:
        minions = Minions(binary, folder)
        before = minions.estimate(model, 8, REPLY)
        server.times("Hello", 8)
        prompt = [server.times(f"{n} {words(PROMPT)}", 1) for n in range(runs)]
        reply = [server.times(f"{n} Tell a story.", REPLY) for n in range(runs)]
        long = words(PROMPT)
        behind = [server.times(long, REPLY, has_read=True) for _ in range(runs)]
        reads = statistics.median(times["prompt_per_second"] for times in prompt)
        writes = statistics.median(times["predicted_per_second"] for times in reply)
        writes_behind = statistics.median(times["predicted_per_second"] for times in behind)
        tokens = round(statistics.median(times["prompt_n"] for times in prompt))
        row(f"{name}: writing, before any call: off by", off(before["tokens_per_second"]["likely"], writes), 30, "%", "<= 1")
        for _ in range(5):
            minions.job(server.url, folder)
            after = minions.estimate(server.url, tokens, REPLY)
            # A reply that repeats itself is ended, and tells no times.
            if all(after[basis].startswith("measured") for basis in ("basis", "prompt_basis")):
                break
        short = minions.estimate(server.url, 8, REPLY)
        row(f"{name}: writing, after one job: off by", off(short["tokens_per_second"]["likely"], writes), 10, "%", "<= 1")
        row(f"{name}: the same behind a prompt: off by", off(after["tokens_per_second"]["likely"], writes_behind), 10, "%", "<= 1")
        row(f"{name}: reading, after one job: off by", off(after["prompt_tokens_per_second"]["likely"], reads), 20, "%", "<= 1")
        memory = before["memory"]["buffers"] / 2**20
        row(f"{name}: memory of {memory:.0f} MiB: off by", off(memory, server.buffers()), 3, "%", "<= 1", 2)
        print(f"  the server: {writes:.1f} and {reads:.1f} tokens/s; estimates: {before['tokens_per_second']['likely']:.1f}"
              f" and {before['prompt_tokens_per_second']['likely']:.1f} before, {short['tokens_per_second']['likely']:.1f} and"
              f" {after['prompt_tokens_per_second']['likely']:.1f} after", flush=True)
    cold, kept = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            minions = Minions(binary, folder)
            cold.append(minions.seconds(model))
            kept.append(minions.seconds(model))
    row(f"{name}: an estimate, everything measured", statistics.median(cold) * 1000, 500, "ms", "<= 1")
    row(f"{name}: an estimate from what is kept", statistics.median(kept) * 1000, 5, "ms", "<= 1")


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
