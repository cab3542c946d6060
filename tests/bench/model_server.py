"""A scripted model server: a fixed number of slots, a latency of its own choosing, calls beyond the slots wait in line.

It speaks as much of OpenAI's dialect as our client asks for. Both sides of a job may talk to it: a prompt that explains
`JobManifest` gets the program, another one without documents the verdict, everything else a worker's reply.
"""

import asyncio
import json
import threading

# A question, too, for `minion`.
VERDICT = json.dumps({
    "explanation": "e", "decision": "provide_final_answer", "answer": "done", "feedback": None, "scratchpad": None,
    "reasoning": "r", "message": "Who?",
})
REPLY = json.dumps({"explanation": "e", "citation": None, "answer": "a"})


def program(tasks):
    """A supervisor's program: each document is a chunk, each gets the same tasks."""
    return f"""```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task=task, advice="") for doc in context for task in {tasks!r}]

def transform_outputs(jobs):
    return str(len([job for job in jobs if job.output.answer]))
```"""


def http(status, value):
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chat(text):
    return http(200, {
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    })


class ModelServer:
    """Runs in a thread of its own from its making on."""

    def __init__(self, tasks=("Who?",), slots=None, tells=False, latency=lambda prompt: 0.0, code=None,
                 host="127.0.0.1"):
        self.code, self.tells, self.latency, self.slots = code or program(tasks), tells, latency, slots
        self.host = host
        self.in_flight = self.most = 0
        self.bodies = []
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait()

    def _run(self, started):
        async def start():
            self.gate = asyncio.Semaphore(self.slots or 1_000_000)
            server = await asyncio.start_server(self._serve, self.host, 0, backlog=1024, limit=1 << 28)
            self.url = f"http://{self.host}:{server.sockets[0].getsockname()[1]}"

        self.loop.run_until_complete(start())
        started.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                               if line.startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                writer.write(await self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head, body):
        if head.startswith(b"GET /props") and self.tells:
            return http(200, {"total_slots": self.slots, "default_generation_settings": {"n_ctx": 8192}})
        if head.startswith(b"GET /v1/models"):
            return http(200, {"data": [{"id": "worker"}, {"id": "supervisor"}]})
        if not head.startswith(b"POST"):
            return http(404, {})
        body = json.loads(body)
        if body["model"] == "supervisor":
            return chat(await self.supervise(body))
        self.bodies.append(body)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        async with self.gate:
            await asyncio.sleep(self.latency(body["messages"][-1]["content"]))
        self.in_flight -= 1
        return chat(REPLY)

    async def supervise(self, body):
        """The supervisor's reply."""
        prompt = body["messages"][0]["content"]
        return self.code if "JobManifest" in prompt and "<answers>" not in prompt else VERDICT

    def client(self, model, **kwargs):
        """A client of a job."""
        return {"type": "openai", "model_name": model, "kwargs": {"base_url": f"{self.url}/v1", **kwargs}}


class OneAtATime(asyncio.Protocol):
    """HTTP/1.1 as far as our client speaks it: one request at a time on a connection, for `answer`."""

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length:")), 0)
        if len(body) >= length:
            self.received = b""
            self.answer(head, body)


def serve(protocol):
    """The URL of a server in a thread of its own."""
    loop, port = asyncio.new_event_loop(), []

    async def start():
        server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=1024)
        port.append(server.sockets[0].getsockname()[1])

    loop.run_until_complete(start())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return f"http://127.0.0.1:{port[0]}/v1"
