"""An object with a `chat` method as a side of a job: behind a server on this machine's loopback.

The program calls it as it calls any server of OpenAI's dialect. Only who has the token of this run is answered.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

from minions.usage import Usage


class Loopback:
    """A server for `client`, from now until it is closed. `failed` is what its `chat` raised first."""

    def __init__(self, client: Any) -> None:
        import secrets

        self.failed: Optional[BaseException] = None
        self.client = client
        self.name = str(getattr(client, "model_name", None) or type(client).__name__)
        self.token = secrets.token_urlsafe(32)
        self.concurrency = int(getattr(client, "max_concurrency", 0) or 1)
        # The program keeps to it; a client must not suffer if something else does not.
        self._slots = threading.BoundedSemaphore(self.concurrency)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
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
        """Ends the server. A call of `chat` that is under way is not waited for."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: dict[str, Any]) -> tuple[str, Usage, str]:
        """What the client says to `request`: text, usage, reason."""
        messages = [_plain(message) for message in request["messages"]]
        options = {}
        if "response_format" in request and _takes(self.client.chat, "response_format"):
            options["response_format"] = request["response_format"]
        with self._slots:
            replied = self.client.chat(messages, **options)
            if hasattr(replied, "__await__"):
                replied = _awaited(replied)
        if not isinstance(replied, tuple) or len(replied) < 2:
            raise TypeError(f"{self.name}: chat must return (texts, usage) or (texts, usage, reasons), not {replied!r:.200}")
        texts, usage, *rest = replied
        text = texts if isinstance(texts, str) else texts[0]
        usage = usage[0] if isinstance(usage, (list, tuple)) else usage
        reason = rest[0] if rest else "stop"
        reason = reason[0] if isinstance(reason, (list, tuple)) and reason else reason
        return str(text), Usage.of(usage), "length" if reason in ("length", "max_tokens") else "stop"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A program that has ended no longer reads.
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
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
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_allowed():
            return
        if not self.path.endswith("/chat/completions"):
            self._answer(404, {"error": {"message": f"there is no {self.path}"}})
            return
        loopback = self.server.loopback
        try:
            request = json.loads(body)
            text, usage, reason = loopback.reply(request)
        except BaseException as error:
            loopback.failed = loopback.failed or error
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


_loop: Any = None
_loop_is_made = threading.Lock()
"""One loop for all coroutines of clients: connections that a client keeps open belong to the loop that they were made in."""


def _awaited(reply: Any) -> Any:
    import asyncio

    global _loop
    with _loop_is_made:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="minions-coroutines", daemon=True).start()

    async def wait() -> Any:
        return await reply

    return asyncio.run_coroutine_threadsafe(wait(), _loop).result()


def _forget_loop() -> None:
    # A fork has none of the threads.
    global _loop, _loop_is_made
    _loop, _loop_is_made = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_loop)
