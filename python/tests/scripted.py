"""A model server for the tests: Ollama's dialect and OpenAI's on one loopback address.

Replies are made of what is asked: a worker of `minions` finds a line with a word of its task, one of `minion` quotes the
document, the supervisor asks first and then answers.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional

PROGRAM = '''```python
def prepare_jobs(context, prev_job_manifests=None, prev_job_outputs=None):
    jobs = []
    for document in context:
        for chunk in chunk_by_section(document, max_chunk_size=2000, overlap=20):
            jobs.append(JobManifest(chunk=chunk, task="Quote the line about the vessel.", advice="One line."))
    return jobs

def transform_outputs(jobs):
    return "\\n".join(f"{job.output.answer}: {job.output.citation}" for job in jobs if job.output.answer)
```'''


class Server(ThreadingHTTPServer):
    """`requests` has the body of each chat; replies wait for `gate`, if there is one."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, supervise: Optional[Callable[[str], str]] = None, work: Optional[Callable[[str], str]] = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.gate: Optional[threading.Event] = None
        self.arrived = threading.Event()
        self.supervise = supervise or supervisor
        self.work = work or worker
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was stopped has gone."""

    def reply(self, path: str, body: dict[str, Any]) -> str:
        if not body["messages"]:
            # The model is loaded, no more.
            return ""
        self.requests.append(body)
        self.arrived.set()
        if self.gate is not None:
            self.gate.wait(30)
        text = "\n".join(_text(message) for message in body["messages"])
        if body["model"].startswith(("gpt", "remote")):
            return self.supervise(text)
        return self.work(text)


def supervisor(text: str) -> str:
    """Writes a program where one is wanted, asks until it has heard of the Aurora, then answers."""
    if "one Python block" in text and "Aurora" not in text:
        return PROGRAM
    if "Aurora" not in text:
        return json.dumps(
            {"reasoning": "r", "decision": "request_additional_info", "message": "Which vessel?", "answer": None}
        )
    fields = {"decision": "provide_final_answer", "answer": "The Aurora.", "explanation": "e", "task": "When did it come in?"}
    return json.dumps({"reasoning": "r", "message": None, "feedback": None, "scratchpad": None, **fields})


def worker(text: str) -> str:
    """Quotes the line that names a vessel."""
    line = re.search(r"[^\n]*Aurora[^\n]*", text)
    if "explanation" in text and "citation" in text:
        found = line.group(0).strip() if line else None
        answer = "The Aurora" if found else None
        return json.dumps({"explanation": "It is named.", "citation": found, "answer": answer})
    return "It says: The Aurora."


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self._send(200, "text/plain", b"")

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, "text/plain", b"Ollama is running")
        elif self.path == "/api/version":
            self._json({"version": "0.13.0"})
        elif self.path == "/api/tags":
            models = [{"name": name, "model": name, "size": 1 << 30, "digest": "d"} for name in ("llama3.2:latest", "llama3.2:3b")]
            self._json({"models": models})
        elif self.path == "/api/ps":
            self._json({"models": []})
        elif self.path.endswith("/models"):
            self._json({"object": "list", "data": [{"id": name} for name in ("gpt-4o", "local", "remote")]})
        else:
            self._send(404, "application/json", b'{"error": "not found"}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self.server.authorizations.append(self.headers.get("Authorization", "") or self.headers.get("api-key", ""))
        if self.path == "/api/show":
            info = {"general.architecture": "llama", "llama.context_length": 131072, "general.parameter_count": 3_000_000_000}
            self._json({"details": {"family": "llama"}, "model_info": info, "capabilities": ["completion"]})
        elif self.path == "/api/generate":
            self._json({"response": "", "done": True})
        elif self.path == "/api/chat":
            self._ollama(self.server.reply(self.path, body), body)
        elif "/chat/completions" in self.path:
            body.setdefault("model", "gpt-4o")
            self._openai(self.server.reply(self.path, body), body)
        else:
            self._send(404, "application/json", b'{"error": "not found"}')

    def _ollama(self, text: str, body: dict[str, Any]) -> None:
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
        message = {"role": "assistant", "content": text}
        parts = [{"model": body["model"], "message": message, "done": False}, {"model": body["model"], "message": {"role": "assistant", "content": ""}, **last}]
        if body.get("stream") is False:
            return self._json({"model": body["model"], "message": message, **last})
        self._send(200, "application/x-ndjson", b"".join(json.dumps(part).encode() + b"\n" for part in parts))

    def _openai(self, text: str, body: dict[str, Any]) -> None:
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        base = {"id": "c", "created": 0, "model": body["model"]}
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return self._json({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
        chunks = [
            {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
            {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**base, "choices": [], "usage": usage},
        ]
        data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self._send(200, "text/event-stream", data.encode())

    def _json(self, value: Any) -> None:
        self._send(200, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """stderr is the tests'."""
