#!/usr/bin/env python3
"""Records the run of minions.ipynb anew, into tests/tape: after prompts, or the notebook's question, have changed.

    MINIONS_BINARY=target/debug/minions PYTHONPATH=python/src:python/tests python/tests/record_notebook.py

No model answers: the replies of both sides are written below, by hand, as good models would have replied. The recording shows
how a notebook looks, and nothing about models.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from notebook import cells
from scripted import Server

TAPE = Path(__file__).parent / "tape"

PROGRAM = """The fall is decided by two values, the fasting blood glucose on admission and on Day 5.

```python
def prepare_jobs(context, prev_job_manifests=None, prev_job_outputs=None):
    tasks = ["What is the fasting blood glucose on admission?", "What is the fasting blood glucose on Day 5?"]
    chunks = [chunk for document in context for chunk in chunk_by_section(document, max_chunk_size=3000, overlap=300)]
    return [JobManifest(chunk=chunk, task=task, advice="In mg/dL.") for chunk in chunks for task in tasks]
```"""
VERDICT = {
    "decision": "provide_final_answer",
    "answer": "25 %: from 200 mg/dL on admission to 150 mg/dL on Day 5, and (200 - 150) / 200 = 0.25.",
    "explanation": "Both values are quoted.",
    "reasoning": "Both values are quoted, so the fall is (200 - 150) / 200.",
    "feedback": None,
    "scratchpad": None,
    "message": None,
}


def supervisor(text: str) -> str:
    """The program, then the answer."""
    return json.dumps(VERDICT) if "200 mg/dL" in text else PROGRAM


def worker(text: str) -> str:
    """The value that is asked for."""
    # The document says Day 5, too, and the task stands behind it.
    value = 150 if text.rfind("glucose on Day 5?") > text.rfind("glucose on admission?") else 200
    reply = {"explanation": "The record gives it.", "citation": f"Fasting blood glucose {value} mg/dL.", "answer": f"{value} mg/dL"}
    return json.dumps(reply)


def main() -> None:
    shutil.rmtree(TAPE, ignore_errors=True)
    with Server(supervisor, worker) as server, tempfile.TemporaryDirectory() as logs:
        os.environ.update(OLLAMA_HOST=server.url, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="sk-recorded", MINIONS_LOG_DIR=logs)
        code = "\n".join(cells({"Minions(": f"Minions(record={str(TAPE)!r}, "}))
        exec(compile(code, "minions.ipynb", "exec", dont_inherit=True), {})


if __name__ == "__main__":
    main()
