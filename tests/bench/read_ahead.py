"""What reading ahead saves. usage: read_ahead.py BINARY

A worker that needs as long to read its documents as the supervisor to write its first message, once with the documents
read ahead and once without.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time

from model_server import ModelServer
from table import row

SECONDS = 2.0
ASK = json.dumps({"reasoning": "r", "decision": "request_additional_info", "message": "Who signed?", "answer": None})


class Sides(ModelServer):
    """A worker that has read a prompt before answers at once; a supervisor that needs its time for its first message."""

    def __init__(self):
        self.read = set()
        super().__init__(slots=1, tells=True, latency=self.reading)

    def reading(self, prompt):
        system = self.bodies[-1]["messages"][0]["content"]
        is_new = system not in self.read
        self.read.add(system)
        return SECONDS if is_new else 0.0

    async def supervise(self, body):
        if len(body["messages"]) == 1:
            await asyncio.sleep(SECONDS)
            return ASK
        return await super().supervise(body)


def seconds(binary, server, folder, **params):
    job = {
        "local_client": server.client("worker"),
        "remote_client": server.client("supervisor"),
        "call_params": {"task": "Who signed?", "context": [f"{params} " + "lorem ipsum " * 1000], "max_rounds": 1, **params},
    }
    start = time.perf_counter()
    done = subprocess.run([binary], input=json.dumps(job), capture_output=True, text=True, cwd=folder)
    assert json.loads(done.stdout)["success"], done.stderr
    return time.perf_counter() - start


def main():
    binary, server = os.path.abspath(sys.argv[1]), Sides()
    with tempfile.TemporaryDirectory() as folder:
        row("minion, 2 s of reading beside 2 s of the supervisor's", seconds(binary, server, folder), SECONDS, "s", "<= 1.05", 2)
        plain = seconds(binary, server, folder, read_ahead=False)
        row("  with \"read_ahead\": false", plain, 2 * SECONDS, "s", "<= 1.05", 2)


main()
