"""How much memory a job needs in a small container, beside one slot of plain Ollama.

usage: small_containers.py OLLAMA LLAMA_SERVER OLLAMA_MODELS MODEL [MEGABYTES]...

Needs the image `minions` on a Docker Engine here, Ollama's program, llama.cpp's server for it, and a folder of Ollama's
with MODEL in it; the first three go into an image of their own. In a container of each size are run `ollama serve` with
one slot and one question, and a `minions` job with a fan-out over five chunks. A row has both ends, what minions said
that the model would take and what its runner took. The exit code is 1 if plain Ollama answers where minions does not,
or if the two figures are more than a tenth apart.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from container import docker, gateway
from model_server import ModelServer

IMAGE = "minions-small"
SIZES = [300, 350, 400, 450, 600, 800, 1000, 1500, 2000]
TEXT = " ".join(f"Day {day}. The Aurora lay off the port in {day} fathoms." for day in range(1, 120))
PLAIN = """
ollama serve > /tmp/log 2>&1 & until ollama list > /dev/null 2>&1; do sleep 0.2; done
timeout 300 ollama run "$0" "$1"
"""
CODE = """```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task="Name the ship.", advice="One word.")
            for chunk in chunk_by_section(context[0], max_chunk_size=1500, overlap=20)]

def transform_outputs(jobs):
    return str(len([job for job in jobs if job.output.answer]))
```"""


def build(ollama, server, models):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ollama, os.path.join(folder, "ollama"))
        shutil.copy(server, os.path.join(folder, "llama-server"))
        shutil.copytree(models, os.path.join(folder, "models"))
        with open(os.path.join(folder, "Dockerfile"), "w") as file:
            file.write("FROM minions\nCOPY ollama /usr/bin/ollama\nCOPY llama-server /usr/lib/ollama/llama-server\n"
                       "COPY models /models\nENV OLLAMA_MODELS=/models OLLAMA_NOPRUNE=1\n")
        docker("build", "-q", "-t", IMAGE, folder)


def limited(megabytes):
    return ["--memory", f"{megabytes}m", "--memory-swap", f"{megabytes}m",
            # Threads that spin starve each other on a machine that has other work.
            "-e", "OMP_WAIT_POLICY=PASSIVE"]


def plain(megabytes, model):
    """Whether one slot of plain Ollama answers."""
    words = ["docker", "run", "--rm", *limited(megabytes), "-e", "OLLAMA_NUM_PARALLEL=1", "--entrypoint", "bash", IMAGE,
             "-c", PLAIN, model, "Which ship? " + TEXT[:1500]]
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode == 0 and bool(done.stdout.strip())


def resident(name):
    """Megabytes of a container's llama-server: its own memory and the files it maps."""
    most = 0
    top = subprocess.run(["docker", "top", name, "-eo", "pid,comm"], capture_output=True, text=True).stdout
    for line in top.splitlines():
        if "llama-server" in line:
            try:
                with open(f"/proc/{line.split()[0]}/status") as file:
                    parts = re.findall(r"^Rss(?:Anon|File):\s+(\d+)", file.read(), re.M)
            except OSError:
                continue
            most = max(most, sum(map(int, parts)) // 1024)
    return most


def ours(megabytes, job):
    """The envelope, what was predicted and what was taken, in MB, and the line that says so."""
    name, most = f"minions-small-{megabytes}", [0]
    words = ["docker", "run", "--rm", "-i", "--name", name, *limited(megabytes), IMAGE, "-v"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)

        def watch():
            while process.poll() is None:
                most[0] = max(most[0], resident(name))
                time.sleep(0.3)

        watcher = threading.Thread(target=watch)
        watcher.start()
        out, _ = process.communicate(job)
        watcher.join()
        errors.seek(0)
        lines = errors.read()
    said = re.findall(r"(\d+) slots? of (\d+) tokens takes? about (\d+) MiB", lines)
    return json.loads(out), said[-1] if said else None, most[0]


def main():
    ollama, server, models, model, *sizes = sys.argv[1:]
    build(ollama, server, models)
    supervisor = ModelServer(host=gateway(), code=CODE)
    job = json.dumps({
        "local_client": {"type": "ollama", "model_name": model, "kwargs": {"max_tokens": 24}},
        "remote_client": supervisor.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "Which ship?", "context": [TEXT]},
    })
    failed = False
    for megabytes in map(int, sizes or SIZES):
        answers = plain(megabytes, model)
        envelope, said, took = ours(megabytes, job)
        slots, tokens, predicted = said or ("-", "-", "0")
        is_near = not said or abs(int(predicted) - took) <= took / 10
        is_well = (envelope["success"] or not answers) and is_near
        failed |= not is_well
        end = "answered" if envelope["success"] else envelope["error"]
        print(f"{megabytes} MB: plain Ollama {'answers' if answers else 'fails'}; minions {end[:400]}; {slots} slots of "
              f"{tokens} tokens, {predicted} MiB predicted, {took} taken{'' if is_well else '  <--'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
