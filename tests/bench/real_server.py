"""What a fan-out costs a real llama.cpp server, and what the embedded engine makes of the same jobs.
usage: real_server.py BINARY MODEL.gguf PYTHON [CHUNKSxTASKS ...]

PYTHON has the wheel xllamacpp, which is llama.cpp's own server: 4 slots, as many threads as cores. Each row is a set of
jobs, done three times on a server that has seen nothing: "plain", the same requests in document order, as many at once as
there are slots; "minions", our fan-out; "embedded", our fan-out on the engine within (if the binary has it). Evaluated
tokens are the server's own count. The minimum is each chunk once and each task's tail. The wall time depends on how long the
replies are, which cost both the same: here at most 48 tokens.
"""

import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

from model_server import ModelServer
from table import row

TASKS = [
    "Name the captain.", "Which port is named?", "On which day was it?", "Which bird was seen?", "What broke?",
    "What cargo is carried?", "How deep was the water?", "What was bought?", "Which wind blew?",
]
WORDS = "wind sail rope deck salt rain gull chart mast anchor keel crew watch bell lamp tide rock sand cape bay".split()
MAX_TOKENS = 48


def documents(count):
    rng = random.Random(7)
    # About 3,000 characters, which chunk_by_section makes by default.
    text = lambda: " ".join(rng.choice(WORDS) for _ in range(560))
    return [f"Log {n}. Captain {rng.choice('ABCDEF')}. {text()} They lay at port {n} on day {n}." for n in range(count)]


class LlamaServer:
    """A llama.cpp server that has seen nothing yet."""

    def __init__(self, python, model):
        script = os.path.join(os.path.dirname(__file__), "../support/llama_server.py")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([python, script, model], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self.url = self.process.stdout.readline().decode().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def post(self, path, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def evaluated(self):
        """Prompt tokens that the server has evaluated since it started."""
        with urllib.request.urlopen(self.url + "/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return next(int(float(line.split()[1])) for line in lines if line.startswith("llamacpp:prompt_tokens_total"))

    def tokens(self, body):
        prompt = self.post("/apply-template", {"messages": body["messages"]})["prompt"]
        return self.post("/tokenize", {"content": prompt, "add_special": True, "parse_special": True})["tokens"]


def job(supervisor, worker, chunks):
    return json.dumps({
        "local_client": worker,
        "remote_client": supervisor.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "t", "context": documents(chunks)},
    })


def run(binary, text):
    with tempfile.TemporaryDirectory() as folder:
        # What an earlier run has read is not known.
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        done = subprocess.run([binary], input=text, capture_output=True, text=True, cwd=folder, env=environment)
    envelope = json.loads(done.stdout)
    assert envelope["success"], envelope["error"]
    return envelope["result"]


def minimum(server, bodies, tasks):
    """`bodies` in document order, `tasks` to a chunk."""
    total = 0
    for at in range(0, len(bodies), tasks):
        prompts = [server.tokens(body) for body in bodies[at:at + tasks]]
        total += len(prompts[0])
        for prompt in prompts[1:]:
            shared = next((n for n, pair in enumerate(zip(prompt, prompts[0])) if pair[0] != pair[1]), len(prompt) - 1)
            total += len(prompt) - shared
    return total


def measure(binary, model, python, chunks, tasks):
    supervisor = ModelServer(tasks=TASKS[:tasks])
    # The requests as they are, from a server that answers at once; in document order.
    run(binary, job(supervisor, supervisor.client("worker", max_tokens=MAX_TOKENS, max_concurrency=1), chunks))
    order = {document: n for n, document in enumerate(documents(chunks))}
    place = lambda body: next(n for document, n in order.items() if document in body["messages"][-1]["content"])
    bodies = sorted(supervisor.bodies, key=place)

    with LlamaServer(python, model) as server:
        least = minimum(server, bodies, tasks)
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda body: server.post("/v1/chat/completions", {**body, "stream": False}), bodies))
        plain = time.perf_counter() - start
        plain_tokens = server.evaluated()
    with LlamaServer(python, model) as server:
        worker = {"type": "openai", "model_name": "worker",
                  "kwargs": {"base_url": server.url + "/v1", "max_tokens": MAX_TOKENS}}
        ours = run(binary, job(supervisor, worker, chunks))
        ours_tokens = server.evaluated()
    worker = {"type": "llama_cpp", "model_path": model, "kwargs": {"max_tokens": MAX_TOKENS, "n_ctx": 2048}}
    try:
        inside = run(binary, job(supervisor, worker, chunks))
    except AssertionError as error:
        print(f"(no embedded engine: {error})")
        inside = None

    def speed(result):
        usage = result["local_usage"]
        seconds = result["timing"]["local_call_time"]
        return seconds, usage["new_prompt_tokens"], usage["completion_tokens"] / seconds

    seconds, _, written = speed(ours)
    faster = "1.7" if (chunks, tasks) == (8, 3) else "0.95"
    row(f"{chunks} x {tasks}, llama.cpp's server: plain, against our fan-out", plain, seconds, "s", f">= {faster}")
    row("  prompt tokens evaluated, against the minimum", ours_tokens, least, "tokens", "<= 1.10", digits=0)
    row("  the same, plain", plain_tokens, least, "tokens", ">= 1", digits=0)
    if inside:
        its_seconds, evaluated, own = speed(inside)
        row("  embedded engine, against that server with our fan-out", own, written, "tok/s", ">= 1")
        row("  that server's time for these jobs, against the engine's", seconds, its_seconds, "s", ">= 1")
        row("  embedded engine: prompt tokens, against the minimum", evaluated, least, "tokens", "<= 1.10", digits=0)


def main():
    binary, model, python = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    for size in sys.argv[4:] or ["8x3", "5x2", "3x7", "1x9"]:
        measure(binary, model, python, *map(int, size.split("x")))


main()
