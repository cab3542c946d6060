"""What a `minion` job costs besides its models. usage: overhead.py BINARY

A server in this process answers both sides at once; what is left is the program's own time. Printed are the median
and the worst of the runs, and the largest resident size that the system saw, against the limits that we set ourselves.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from table import row

RUNS = 30
ASK = json.dumps({"reasoning": "r", "decision": "request_additional_info", "message": "Who signed?", "answer": None})
ANSWER = json.dumps({"reasoning": "r", "decision": "provide_final_answer", "message": None, "answer": "Ada"})


class Server(ThreadingHTTPServer):
    """Answers, and adds up the time that it takes itself."""

    busy = 0.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: in two, the second waits 40 ms for an acknowledgement.
    wbufsize = -1

    def do_GET(self):
        # As vLLM tells of its models; no other page is there.
        models = [{"id": name, "object": "model", "max_model_len": 131072} for name in ("worker", "supervisor")]
        if self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": models})
        else:
            self.reply(405 if self.path == "/v1/chat/completions" else 404, {})

    def do_POST(self):
        start = time.perf_counter()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "worker":
            text = "Ada signed."
        else:
            text = ANSWER if len(body["messages"]) > 1 else ASK
        self.reply(200, {
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        })
        self.server.busy += time.perf_counter() - start

    def reply(self, status, value):
        payload = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def job(url):
    def client(model):
        return {"type": "openai", "model_name": model, "kwargs": {"base_url": url + "/v1"}}

    return json.dumps({
        "local_client": client("worker"),
        "remote_client": client("supervisor"),
        "call_params": {"task": "Who signed?", "context": ["lorem ipsum " * 8334], "max_rounds": 2},
    })


def main():
    binary = os.path.abspath(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    text = job(f"http://127.0.0.1:{server.server_port}")
    walls, busy = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            server.busy = 0.0
            start = time.perf_counter()
            done = subprocess.run([binary], input=text, capture_output=True, text=True, cwd=folder)
            walls.append((time.perf_counter() - start) * 1000)
            busy.append(server.busy * 1000)
            assert json.loads(done.stdout)["result"]["final_answer"] == "Ada", done.stderr
        versions = []
        for _ in range(RUNS):
            start = time.perf_counter()
            subprocess.run([binary, "--version"], capture_output=True, check=True)
            versions.append((time.perf_counter() - start) * 1000)
    own = [wall - served for wall, served in zip(walls, busy)]
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    row("minion job, 100 kB of context: median of the time", statistics.median(walls), 30, "ms", "<= 1")
    row("  worst", max(walls), 30, "ms", "<= 1")
    row("  median without the server's share", statistics.median(own), 30, "ms", "<= 1")
    row("  largest resident size", memory, 30, "MB", "<= 1")
    row("minions --version: median of the time", statistics.median(versions), 10, "ms", "<= 1")
    row("  worst", max(versions), 10, "ms", "<= 1")


main()
