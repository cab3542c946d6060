"""What later questions about a document cost, where the embedded engine keeps what it has read.
usage: read_once.py BINARY MODEL.gguf PYTHON [BYTES]

A document of 100 kB; five questions, each in a process of its own; one more when the document has gained a page; the same five
in one batch; three of a part of it with keys and values of 8 bits, two in processes that have half of the disk; and the five at
llama.cpp's server (the wheel xllamacpp in PYTHON), which goes on running and keeps what it has read in memory. Replies have at
most 48 tokens, so that the rows tell of the reading. Below each the tokens and seconds of every question.
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
# From so many bytes on a document is cut at borders that stay.
LONG = 80_000
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
    return [json.loads(line)["result"] for line in done.stdout.splitlines()]


def rows(name, asked, tokens_aim="<= 0.1", time_aim="<= 0.3"):
    """The most tokens and seconds of the questions after the first one, against it."""
    (first_tokens, first_time), (tokens, seconds) = asked[0], [max(of) for of in zip(*asked[1:])]
    row(f"{name}: most prompt tokens after the first", tokens, first_tokens, "tokens", tokens_aim, digits=0)
    if time_aim:
        row("  most of the worker's time", seconds, first_time, "s", time_aim)
    print("  " + ", ".join(f"{tokens} tokens in {seconds:.1f} s" for tokens, seconds in asked), flush=True)


def bytes_of(folder):
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def eight_bits(binary, text, worker):
    """How room, time and answers change where keys and values have 8 bits. Gives the bytes that are kept with 16.

    One call at a time, as each batch of another size rounds in another way.
    """
    room, seconds, answers = [], [], []
    for kv_type in ["f16", "q8_0"]:
        kwargs = {**worker["kwargs"], "kv_type": kv_type, "max_concurrency": 1}
        jobs = [job(question, text, {**worker, "kwargs": kwargs}) for question in QUESTIONS[:3]]
        with tempfile.TemporaryDirectory() as kept:
            results = batch(binary, jobs, "--kv-cache", kept)
            room.append(bytes_of(kept))
        seconds.append(figures(results[0])[1])
        done = [one for result in results for one in result["meta"][0]["local"]["jobs"]]
        answers.append([(one["output"]["answer"], one["output"]["citation"]) for one in done])
    row("8 bits a value: room for what is kept", room[1] / 2**20, room[0] / 2**20, "MiB", "<= 0.6", digits=0)
    # llama.cpp's attention in tiles takes 16 bits alone; the smaller a model, the more of its time is attention.
    row("  the worker's time of the first question", seconds[1], seconds[0], "s", "<= 1.2")
    differ = sum(wide != narrow for wide, narrow in zip(*answers))
    row("  answers that differ, of all", differ, len(answers[0]), "answers", "<= 0.5", digits=0)
    return room[0]


def main():
    binary, model, python = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
    text = document(int(sys.argv[4]) if len(sys.argv) > 4 else 100_000)
    embedded = {"type": "llama_cpp", "model_path": model, "kwargs": {"max_tokens": MAX_TOKENS, "temperature": 0}}
    with tempfile.TemporaryDirectory() as kept:
        ours = asked = [ask(binary, job(question, text, embedded), "--kv-cache", kept) for question in QUESTIONS]
        rows("five processes", asked)
        if len(text) >= LONG:
            page = "".join(f"On day {day} the prism was turned by {day * 7} degrees.\n" for day in range(50))
            middle = text.rfind("\n\n", 0, len(text) // 2)
            longer = text[:middle] + "\n\n" + page + text[middle:]
            more, _ = ask(binary, job(QUESTIONS[0], longer, embedded), "--kv-cache", kept)
            # Beside the page a few chunks are cut in another way until the borders are the same again.
            row("  a page more in the middle, of all tokens", more, asked[0][0], "tokens", "<= 0.3", digits=0)
    with tempfile.TemporaryDirectory() as kept:
        results = batch(binary, [job(question, text, embedded) for question in QUESTIONS], "--kv-cache", kept)
        rows("one batch", [figures(result) for result in results])
    short, longer = text[:30_000], text[:50_000]
    room = eight_bits(binary, short, embedded) * len(longer) // len(short)
    with tempfile.TemporaryDirectory() as kept:
        options = ["--kv-cache", kept, "--kv-cache-size", f"{room // 2 >> 20}MiB"]
        asked = [ask(binary, job(question, longer, embedded), *options) for question in QUESTIONS[:2]]
        rows("disk for half of it", asked, "<= 0.6", None)
    with LlamaServer(python, model, 8192) as server:
        worker = {"type": "openai", "model_name": "worker",
                  "kwargs": {"base_url": server.url + "/v1", "max_tokens": MAX_TOKENS, "temperature": 0}}
        asked, told = [], 0
        for question in QUESTIONS:
            before = server.evaluated()
            tokens, seconds = ask(binary, job(question, text, worker))
            evaluated = server.evaluated() - before
            told += tokens
            asked.append((evaluated, seconds))
        rows("llama.cpp's server", asked, "<= 1", "<= 1")
        # Beside the job's calls the server reads a few tokens of a probe.
        evaluated = sum(tokens for tokens, _ in asked)
        row("  new tokens by the usage, of all it evaluated", told, evaluated, "tokens", ">= 0.95", digits=0)
    row("the first question against llama.cpp's server", ours[0][1], asked[0][1], "s", "<= 1.1")
    row("  the slowest of the others", *(max(seconds for _, seconds in of[1:]) for of in (ours, asked)), "s", "<= 1.1")


if __name__ == "__main__":
    main()
