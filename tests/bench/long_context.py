"""What `minions` costs over 100 MB of documents. usage: long_context.py BINARY

The supervisor's program cuts all of them and keeps 100 chunks. A server in this process answers at once, so the time is
the program's own. The memory is the largest sum of the resident sizes of the program and its children, looked at every
few milliseconds: what they share counts twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from model_server import ModelServer
from table import row

MEGABYTE = 1_000_000
PAGE = os.sysconf("SC_PAGE_SIZE")
# Russian takes two bytes a letter, and six as Python's json writes it.
RUSSIAN = "Запись {n}: судно держало свой курс, и не было видно ничего, кроме воды и обычных для этих мест птиц.\n"
ENGLISH = "Entry {n}: the vessel kept its course, and nothing was seen but water and the usual birds of these parts.\n"

PROGRAM = """```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    jobs = []
    for doc in context:
        chunks = {cut}
        {keep}
            jobs.append(JobManifest(chunk=chunk, task="Was land seen?", advice=""))
    return jobs

def transform_outputs(jobs):
    return str(len([job for job in jobs if job.output.answer]))
```"""
STRIDE = "for chunk in chunks[::max(1, len(chunks) // {each})][:{each}]:"
SEARCH = "for chunk in [chunk for chunk in chunks if 'land ahoy' in chunk]:"


def documents(count, line):
    """`count` documents, 100 MB together, with 100 places where land is seen."""
    lines = 100 * MEGABYTE // count // len(line.format(n=1234567).encode())
    every = lines // (100 // count)
    for document in range(count):
        yield "\n".join(line.format(n=document * lines + n) + ("land ahoy\n" if n % every == every // 2 else "")
                        for n in range(lines))


def resident(process):
    """Bytes of a process and its children."""
    total = 0
    try:
        with open(f"/proc/{process}/statm") as statm:
            total += int(statm.read().split()[1]) * PAGE
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children") as children:
                total += sum(resident(child) for child in children.read().split())
    except OSError:
        pass
    return total


def run(binary, context, cut, keep):
    """Seconds, the largest resident size in bytes, and the number of worker calls."""
    server = ModelServer(code=PROGRAM.format(cut=cut, keep=keep), slots=16, tells=True)
    job = {
        "local_client": server.client("worker"),
        "remote_client": server.client("supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1, "kwargs": {"max_code_attempts": 1}},
        "call_params": {"task": "Was land seen?", "context": context},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        with open(path, "w") as file:
            json.dump(job, file)
        with open(path) as file, open(os.path.join(folder, "out"), "w+") as out:
            start = time.perf_counter()
            process = subprocess.Popen([binary], stdin=file, stdout=out, stderr=subprocess.PIPE, cwd=folder)
            most = 0
            while process.poll() is None:
                most = max(most, resident(process.pid))
                time.sleep(0.005)
            took = time.perf_counter() - start
            out.seek(0)
            envelope = json.load(out)
    assert envelope["success"] and envelope["result"]["final_answer"] == "done", process.stderr.read()
    return took, most, len(server.bodies)


def main():
    binary = os.path.abspath(sys.argv[1])
    section, paragraph = "chunk_by_section(doc)", "chunk_by_paragraph(doc)"
    lines = "doc.split('\\n')"
    rows = [
        ("100 MB, 1 document, sections, every n-th kept", 1, ENGLISH, section, STRIDE.format(each=100)),
        ("100 MB, 20 documents, sections, every n-th kept", 20, ENGLISH, section, STRIDE.format(each=5)),
        ("100 MB, 20 documents, sections, a word", 20, ENGLISH, section, SEARCH),
        ("100 MB, 1 document, paragraphs, a word", 1, ENGLISH, paragraph, SEARCH),
        ("100 MB, 1 document, lines, a word", 1, ENGLISH, lines, SEARCH),
        ("100 MB, 1 document, Russian, every n-th kept", 1, RUSSIAN, section, STRIDE.format(each=100)),
    ]
    for name, count, line, cut, keep in rows:
        took, most, calls = run(binary, list(documents(count, line)), cut, keep)
        row(f"{name} ({calls} calls)", took, 20, "s", "<= 1")
        row("  all processes together", most / MEGABYTE, 1000, "MB", "<= 1", digits=0)


main()
