"""An object with a `chat` method as a side of a job: behind a server on this machine's loopback.

The program calls it as it calls any server of OpenAI's dialect. Only who has the token of this run is answered.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

from minions import own_calls
from minions.usage import Usage

_STRANGERS = 32
"""Connections besides those that the program needs."""


class Loopback:
    """A server for `client`, from now until it is closed. `failed` is what its `chat` raised first."""

    def __init__(self, client: Any) -> None:
        import secrets

        self.failed: Optional[BaseException] = None
        self.client = client
        self.name = str(getattr(client, "model_name", None) or type(client).__name__)
        self.token = secrets.token_urlsafe(32)
        self.concurrency = int(getattr(client, "max_concurrency", 0) or 1)
        # The program keeps to it in one job; a client may be in several, and on both sides.
        self._turns = own_calls.turns_of(client, self.concurrency)
        self._awaited: set[Future[Any]] = set()
        self._is_closed = False
        self._pid = os.getpid()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self._server.free = threading.BoundedSemaphore(self.concurrency + _STRANGERS)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="minions-loopback", daemon=True
        )
        self._thread.start()

    def spec(self) -> dict[str, Any]:
        """The client as a job has it. A supervisor counts as one elsewhere, so its calls are in the ledger."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        kwargs = {"base_url": address, "api_key": self.token, "max_concurrency": self.concurrency, "retries": 0}
        return {"type": "openai", "model_name": self.name, "kwargs": kwargs}

    def close(self) -> None:
        """Ends the server. A coroutine that is under way is cancelled; another call of `chat` is not waited for."""
        if threading.current_thread() is self._thread:
            # A run that is let go may be found in any thread; this one can't wait for itself.
            threading.Thread(target=self.close, daemon=True).start()
            return
        if os.getpid() == self._pid:
            self._is_closed = True
            for reply in list(self._awaited):
                reply.cancel()
            # A fork does not have the thread that this waits for.
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def fail(self, error: BaseException) -> None:
        """Keeps what the client raised, unless nobody waits any more."""
        if not self._is_closed:
            self.failed = self.failed or error

    def reply(self, request: dict[str, Any]) -> tuple[str, Usage, str]:
        """What the client says to `request`: text, usage, reason."""
        messages = [_plain(message) for message in request["messages"]]
        options = {}
        if "response_format" in request and _takes(self.client.chat, "response_format"):
            options["response_format"] = request["response_format"]
        with self._turns:
            if self._is_closed:
                raise RuntimeError("the job has ended")
            replied = self.client.chat(messages, **options)
            if hasattr(replied, "__await__"):
                replied = self._await(replied)
        if not isinstance(replied, tuple) or len(replied) < 2:
            raise TypeError(f"{self.name}: chat must return (texts, usage) or (texts, usage, reasons), not {replied!r:.200}")
        texts, usage, *rest = replied
        text, usage, reason = _first(texts), _first(usage), _first(rest[0]) if rest else "stop"
        if not isinstance(text, str):
            raise TypeError(f"{self.name}: a reply of chat is a text, not {type(text).__name__}")
        return text, Usage.of(usage), "length" if reason in ("length", "max_tokens") else "stop"

    def _await(self, reply: Any) -> Any:
        under_way = own_calls.begin(reply)
        self._awaited.add(under_way)
        try:
            if self._is_closed:
                under_way.cancel()
            return under_way.result()
        finally:
            self._awaited.discard(under_way)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    loopback: Loopback
    free: threading.BoundedSemaphore
    """A slot for each connection."""

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A program that has ended no longer reads.
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    """Seconds of silence after which a connection ends."""
    server: _Server

    def do_GET(self) -> None:
        """The one model that there is."""
        if not self._is_allowed():
            return
        if self.path.endswith("/models"):
            self._answer(200, {"object": "list", "data": [{"id": self.server.loopback.name, "object": "model"}]})
        else:
            self._answer(404, {"error": {"message": f"there is no {self.path}"}})

    def do_POST(self) -> None:
        """A reply, in one piece."""
        if not self._is_allowed():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/chat/completions"):
            self._answer(404, {"error": {"message": f"there is no {self.path}"}})
            return
        loopback = self.server.loopback
        try:
            request = json.loads(body)
            text, usage, reason = loopback.reply(request)
        except BaseException as error:
            loopback.fail(error)
            # For good: a second try would call it again.
            self._answer(400, {"error": {"message": f"{type(error).__name__}: {error}", "type": "invalid_request_error"}})
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        reply = {"id": "chat", "created": 0, "model": loopback.name, "usage": usage.to_dict(), "choices": [choice]}
        message = {"role": "assistant", "content": text}
        if request.get("stream"):
            choice["delta"] = message
            data = json.dumps({**reply, "object": "chat.completion.chunk"})
            self._send(200, "text/event-stream", f"data: {data}\n\ndata: [DONE]\n\n".encode())
        else:
            choice["message"] = message
            self._answer(200, {**reply, "object": "chat.completion"})

    def log_message(self, format: str, *args: Any) -> None:
        """stderr is the caller's."""

    def _is_allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {self.server.loopback.token}".encode()):
            return True
        self._answer(401, {"error": {"message": "this server answers one job alone"}})
        return False

    def _answer(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        # Nobody holds a thread between two requests.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose content is a text, where all its parts are texts."""
    content = message["content"]
    if isinstance(content, list) and all(part.get("type") == "text" for part in content):
        content = "".join(part["text"] for part in content)
    return {"role": message["role"], "content": content}


def _takes(function: Any, name: str) -> bool:
    import inspect

    return name in inspect.signature(function).parameters


def _first(value: Any) -> Any:
    """What a list of one has, or the value itself; None of an empty list."""
    if isinstance(value, (list, tuple)):
        return value[0] if value else None
    return value
