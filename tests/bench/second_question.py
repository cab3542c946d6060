"""What a second and a third question over the same chunks cost, where llama.cpp's server keeps prompts as our keeper tells it.
usage: second_question.py BINARY MODEL.gguf PYTHON [CHUNKS]

PYTHON has the wheel xllamacpp. A job has our keeper start a daemon, which is a script here that writes down the budget it is
given; a real llama.cpp server then runs with that budget. There are more chunks than slots, so that a slot alone keeps too
little.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

from model_server import ModelServer
from table import row

QUESTIONS = ["Name the captain.", "Which bird was seen?", "What broke?"]
WORDS = "wind sail rope deck salt rain gull chart mast anchor keel crew watch bell lamp tide rock sand cape bay".split()


def documents(count):
    # No two share a beginning.
    text = lambda n: " ".join(WORDS[(n + 1) * k % len(WORDS)] for k in range(560))
    return [f"Log {n}. Captain {WORDS[n]}. {text(n)}" for n in range(count)]


def budget(binary):
    """MiB that our keeper gives a daemon's runners."""
    with tempfile.TemporaryDirectory() as home:
        path = os.path.join(home, "ollama")
        with open(path, "w") as file:
            file.write('#!/bin/sh\necho "$LLAMA_ARG_CACHE_RAM" > "$HOME/budget"\nexit 1\n')
        os.chmod(path, 0o755)
        client = {"type": "ollama", "model_name": "m"}
        job = {"local_client": client, "remote_client": client, "call_params": {"task": "t", "context": ["c"]}}
        environment = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": f"{home}:/usr/bin:/bin", "OLLAMA_HOST": "127.0.0.1:9"}
        subprocess.run([binary], input=json.dumps(job), capture_output=True, text=True, cwd=home, env=environment)
        with open(os.path.join(home, "budget")) as file:
            return int(file.read())


def memory(pid):
    """MiB that the process holds of its own: what is not mapped from files."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024


class LlamaServer:
    def __init__(self, python, model, megabytes):
        script = os.path.join(os.path.dirname(__file__), "../support/llama_server.py")
        environment = {**os.environ, "LLAMA_ARG_CACHE_RAM": str(megabytes)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([python, script, model], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL,
                                        env=environment)
        self.url = self.process.stdout.readline().decode().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def evaluated(self):
        with urllib.request.urlopen(self.url + "/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return next(int(float(line.split()[1])) for line in lines if line.startswith("llamacpp:prompt_tokens_total"))


def ask(binary, server, question, chunks):
    supervisor = ModelServer(tasks=[question])
    worker = {"type": "openai", "model_name": "worker", "kwargs": {"base_url": server.url + "/v1", "max_tokens": 24}}
    job = {
        "local_client": worker, "remote_client": supervisor.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1}, "call_params": {"task": "t", "context": documents(chunks)},
    }
    before = server.evaluated()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([binary], input=json.dumps(job), capture_output=True, text=True, cwd=folder)
    envelope = json.loads(done.stdout)
    assert envelope["success"], envelope["error"]
    return server.evaluated() - before


def main():
    binary, model, python = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    chunks = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    megabytes = budget(binary)
    with LlamaServer(python, model, megabytes) as server:
        empty = memory(server.process.pid)
        first, second, third = (ask(binary, server, question, chunks) for question in QUESTIONS)
        taken = memory(server.process.pid) - empty
    row(f"{chunks} chunks, prompt tokens of the second question", second, first, "tokens", "<= 0.15", digits=0)
    row("  of the third", third, first, "tokens", "<= 0.15", digits=0)
    row("  memory for that, against the budget", taken, megabytes, "MiB", "<= 1", digits=0)


if __name__ == "__main__":
    main()
