"""What later questions about a document cost, where the embedded engine keeps what it has read.
usage: read_once.py BINARY MODEL.gguf PYTHON [BYTES]

A document of 100 kB; five questions, each in a process of its own; one more when the document has gained a page; the same five
in one batch; and two of them at llama.cpp's server (the wheel xllamacpp in PYTHON), which keeps what it has read in memory.
Replies have at most 48 tokens, so that the rows tell of the reading.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from model_server import ModelServer
from second_question import LlamaServer
from table import row

CODE = """```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task={task!r}) for doc in context for chunk in chunk_by_section(doc)]

def transform_outputs(jobs):
    return "read"
```"""
QUESTIONS = [
    "Which colour is named first?", "Who is named?", "What angle is given?", "Which material is named?", "What is measured?",
]
MAX_TOKENS = 48
HERE = os.path.dirname(os.path.abspath(__file__))


def document(size):
    with open(os.path.join(HERE, "../../examples/demo/opticks.txt"), encoding="utf-8") as file:
        text = file.read()
    # Each copy is another text, so that no part is read for another one.
    copies = [text.replace("the ", f"the {copy} " if copy else "the ") for copy in range(1 + size // len(text))]
    return "".join(copies)[:size]


def job(question, text, worker):
    supervisor = ModelServer(code=CODE.format(task=question))
    return {
        "local_client": worker,
        "remote_client": supervisor.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "t", "context": [text]},
    }


def figures(result):
    """Prompt tokens that were read, and seconds of the worker."""
    return result["local_usage"]["new_prompt_tokens"], result["timing"]["local_call_time"]


def ask(binary, job, *options):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([binary, *options], input=json.dumps(job), capture_output=True, text=True, cwd=folder)
    envelope = json.loads(done.stdout)
    assert envelope["success"], envelope["error"]
    return figures(envelope["result"])


def batch(binary, jobs, *options):
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([binary, "batch", "--max-jobs", "1", "--ordered", *options], input=lines, capture_output=True,
                              text=True, cwd=folder)
    return [figures(json.loads(line)["result"]) for line in done.stdout.splitlines()]


def most(asked):
    """The most tokens and seconds of the questions after the first one."""
    return [max(of) for of in zip(*asked[1:])]


def rows(name, asked, tokens_aim="<= 0.1", time_aim="<= 0.3"):
    (first_tokens, first_time), (tokens, seconds) = asked[0], most(asked)
    row(f"{name}: most prompt tokens after the first", tokens, first_tokens, "tokens", tokens_aim, digits=0)
    row("  most of the worker's time", seconds, first_time, "s", time_aim)


def main():
    binary, model, python = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    text = document(int(sys.argv[4]) if len(sys.argv) > 4 else 100_000)
    embedded = {"type": "llama_cpp", "model_path": model, "kwargs": {"max_tokens": MAX_TOKENS, "temperature": 0}}
    with tempfile.TemporaryDirectory() as kept:
        asked = [ask(binary, job(question, text, embedded), "--kv-cache", kept) for question in QUESTIONS]
        rows("five questions in five processes", asked)
        page = "".join(f"On day {day} the prism was turned by {day * 7} degrees.\n" for day in range(50))
        middle = text.rfind("\n\n", 0, len(text) // 2)
        longer = text[:middle] + "\n\n" + page + text[middle:]
        more, _ = ask(binary, job(QUESTIONS[0], longer, embedded), "--kv-cache", kept)
        # Beside the page a few chunks are cut in another way until the borders are the same again.
        row("  a page more in the middle, of all tokens", more, asked[0][0], "tokens", "<= 0.3", digits=0)
    with tempfile.TemporaryDirectory() as kept:
        rows("five questions in a batch", batch(binary, [job(q, text, embedded) for q in QUESTIONS], "--kv-cache", kept))
    with LlamaServer(python, model, 8192) as server:
        worker = {"type": "openai", "model_name": "worker",
                  "kwargs": {"base_url": server.url + "/v1", "max_tokens": MAX_TOKENS, "temperature": 0}}
        asked = []
        for question in QUESTIONS[:2]:
            before = server.evaluated()
            _, seconds = ask(binary, job(question, text, worker))
            asked.append((server.evaluated() - before, seconds))
        rows("llama.cpp's server, which goes on running", asked, "<= 1", "<= 1")


if __name__ == "__main__":
    main()
