"""What `minions serve` costs besides its models. usage: serve.py BINARY

Models in this process answer at once, so that what is left is the service's own time. Printed are its start, its memory,
runs in a second, one run, the first byte of a stream, idle streams, how soon a cancelled run and the call of a client that
has gone end, whether twenty runs at once are served alike, what ten thousand connections take, and whether the time of a
refusal tells how much of a token was right.
"""

import concurrent.futures
import http.client
import json
import os
import queue
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from model_server import ModelServer, http as reply
from table import row

JOB = {
    # As many calls at once as there are runs: the wait for a slot is the models' own.
    "local_client": {"type": "vllm", "model_name": "worker", "kwargs": {"max_concurrency": 32}},
    "remote_client": {"type": "openai", "model_name": "supervisor"},
    "protocol": {"type": "local_only"},
    "call_params": {"task": "Who signed?", "context": ["Signed by Ada."]},
    "output": "slim",
}
JSON = {"Content-Type": "application/json"}
RUNS, STREAMS, TOGETHER, CONNECTIONS = 1000, 1000, 20, 10_000
TOKEN = "0123456789abcdef" * 2


class Service:
    """Runs until it is closed; `started` is the time until it told its address."""

    def __init__(self, binary, models, *args):
        self.folder = tempfile.TemporaryDirectory()
        env = {"VLLM_BASE_URL": models.url, "OPENAI_BASE_URL": models.url + "/v1", "PATH": os.environ["PATH"]}
        begin = time.perf_counter()
        self.process = subprocess.Popen([binary, "serve", "--port", "0", *args], cwd=self.folder.name, env=env,
                                        stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        self.started, self.port = time.perf_counter() - begin, int(found[1])
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, method, path, body=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body and json.dumps(body), JSON if body else {})
        response = connection.getresponse()
        return json.loads(response.read())

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def close(self):
        self.process.terminate()
        self.process.wait()


class SilentModel:
    """Takes calls, never answers, and notes when their callers have gone."""

    def __init__(self):
        self.calls, self.ends = queue.Queue(), queue.Queue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            threading.Thread(target=self._hold, args=self.listener.accept()[:1], daemon=True).start()

    def _hold(self, connection):
        is_call = False
        while piece := connection.recv(1 << 16):
            if piece.startswith(b"GET"):
                is_list = piece.startswith(b"GET /v1/models")
                models = {"data": [{"id": "worker"}, {"id": "supervisor"}]}
                connection.sendall(reply(200, models) if is_list else reply(404, {}))
            elif piece.startswith(b"POST"):
                is_call = True
                self.calls.put(None)
        if is_call:
            self.ends.put(time.perf_counter())


def many(service, count):
    """Seconds for so many runs over a few connections."""
    def some(_):
        connection = service.connect()
        for _ in range(count // 8):
            envelope = service.ask("POST", "/v1/minions", JOB, connection)
            assert envelope["success"], envelope
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))
    return time.perf_counter() - begin


def one(service):
    connection, times = service.connect(), []
    for _ in range(30):
        begin = time.perf_counter()
        service.ask("POST", "/v1/minions", JOB, connection)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def first_byte(service, run):
    times = []
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port)) as stream:
            begin = time.perf_counter()
            stream.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while b"\r\n\r\n" not in stream.recv(4096):
                pass
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def streams(service, run):
    """Megabytes that idle streams take."""
    before, held = service.memory(), []
    for _ in range(STREAMS):
        stream = socket.create_connection(("127.0.0.1", service.port))
        stream.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        held.append(stream)
    for stream in held:
        stream.recv(1)
    taken = service.memory() - before
    [stream.close() for stream in held]
    return taken


def cancelled(service, models):
    times = []
    for _ in range(10):
        before = models.in_flight
        run = service.ask("POST", "/v1/runs", JOB)["id"]
        while models.in_flight == before:
            time.sleep(0.001)
        begin = time.perf_counter()
        service.ask("DELETE", f"/v1/runs/{run}")
        while service.ask("GET", f"/v1/runs/{run}")["state"] != "cancelled":
            pass
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def gone(service, silent):
    """How soon a call ends whose client has gone."""
    times, body = [], json.dumps(JOB)
    for _ in range(10):
        connection = service.connect()
        connection.request("POST", "/v1/minions", body, JSON)
        silent.calls.get(timeout=30)
        begin = time.perf_counter()
        connection.close()
        times.append(silent.ends.get(timeout=30) - begin)
    return max(times)


def flood(service):
    """Megabytes that the service has while thousands connect and say nothing; it answers afterwards."""
    held = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(CONNECTIONS)]
    most = service.memory()
    [each.close() for each in held]
    while True:
        try:
            assert service.ask("GET", "/healthz")["status"] == "ok"
            return most
        except (ConnectionError, http.client.HTTPException, ValueError):
            time.sleep(0.1)


def guesses(service):
    """Milliseconds until a token is refused that is all wrong, and one whose end alone is. Ten of an address are heard."""
    wrong, nearly = [], []
    for address in range(2, 42):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, source_address=(f"127.0.0.{address}", 0))
        for _ in range(5):
            for times, token in ((wrong, "x" * len(TOKEN)), (nearly, TOKEN[:-1] + "x")):
                begin = time.perf_counter()
                connection.request("GET", "/v1/runs", headers={"Authorization": f"Bearer {token}"})
                response = connection.getresponse()
                response.read()
                times.append(time.perf_counter() - begin)
                assert response.status == 401, response.status
        connection.close()
    return 1000 * statistics.median(wrong), 1000 * statistics.median(nearly)


def alike(service):
    """The slowest of the runs that began together against their median."""
    def timed(_):
        begin = time.perf_counter()
        service.ask("POST", "/v1/minions", JOB)
        return time.perf_counter() - begin
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        times = list(pool.map(timed, range(TOGETHER)))
    return max(times), statistics.median(times)


def main(binary):
    # Of this process, and so of those that it starts.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    instant = ModelServer()
    starts = []
    for _ in range(10):
        service = Service(binary, instant)
        starts.append(service.started)
        idle = service.memory()
        service.close()
    row("serve: ready after its start", 1000 * statistics.median(starts), 20, "ms", "<= 1")
    row("serve: memory when idle", idle, 25, "MB", "<= 1")
    service = Service(binary, instant)
    row("serve: a run besides its models", 1000 * one(service), 10, "ms", "<= 1")
    row("serve: runs in a second, models that answer at once", RUNS / many(service, RUNS), 500, "1/s", ">= 1")
    service.close()
    slow = ModelServer(latency=lambda prompt: 0.5)
    service = Service(binary, slow)
    slowest, median = alike(service)
    row("serve: twenty runs at once, the slowest to the median", 1000 * slowest, 1000 * median, "ms", "<= 1.2")
    service.close()
    hanging = ModelServer(latency=lambda prompt: 30.0)
    service = Service(binary, hanging)
    run = service.ask("POST", "/v1/runs", JOB)["id"]
    row("serve: first byte of a stream of events", 1000 * first_byte(service, run), 10, "ms", "<= 1")
    row("serve: a thousand idle streams", streams(service, run), 100, "MB", "<= 1")
    row("serve: a cancelled run ends", 1000 * cancelled(service, hanging), 100, "ms", "<= 1")
    row("serve: memory while 10,000 connect", flood(service), 100, "MB", "<= 1")
    service.close()
    silent = SilentModel()
    service = Service(binary, silent)
    row("serve: the call of a client that has gone ends within", 1000 * gone(service, silent), 100, "ms", "<= 1")
    service.close()
    with tempfile.NamedTemporaryFile("w") as tokens:
        tokens.write(f"ada {TOKEN}\n")
        tokens.flush()
        service = Service(binary, instant, "--token-file", tokens.name)
        wrong, nearly = guesses(service)
        row("serve: refusal of a nearly right token, to a wrong one", nearly, wrong, "ms", "<= 1.2")
        service.close()


main(sys.argv[1])
