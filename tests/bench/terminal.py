"""What a person waits for on a terminal. usage: terminal.py BINARY

Printed are the time from the start of a conversation to its prompt, and the time from a piece of the answer, as the
supervisor's server sends it, to its characters on the screen (a pseudo-terminal): the first piece and the later ones.
"""

import json
import os
import pty
import select
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from table import row

RUNS = 15
# The line editor says so when it takes what is pasted, which it does when its prompt stands.
PROMPT = "\x1b[?2004h"
WORDS = ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel"]
PAUSE = 0.05
ASK = json.dumps({"reasoning": "r", "decision": "request_additional_info", "message": "Who signed?", "answer": None})
HEAD = '{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "worker":
            pieces = ["Ada signed."]
        elif len(body["messages"]) == 1:
            pieces = [ASK]
        else:
            pieces = [HEAD] + [word + " " for word in WORDS] + ['"}']
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(pieces)}
            self.reply(200, {"choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                             "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            if piece.strip() in WORDS:
                time.sleep(PAUSE)
            self.server.sent[piece.strip()] = time.perf_counter()
            self.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, value):
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def reply(self, status, value):
        payload = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


class Server(ThreadingHTTPServer):
    """Takes it that a program which is done hangs up."""

    def handle_error(self, *_):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            raise


def on_terminal(arguments, environment, wanted):
    """Runs the program on a terminal until it has shown all the `wanted` words: when each came, from the start on."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execve(arguments[0], arguments, environment)
    seen, shown, until = {}, b"", started + 20
    while len(seen) < len(wanted) and time.perf_counter() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break
            now = time.perf_counter()
            for word in wanted:
                if word not in seen and word.encode() in shown:
                    seen[word] = now
    os.close(terminal)
    try:
        os.kill(child, 9)
    except ProcessLookupError:
        pass
    os.waitpid(child, 0)
    if len(seen) < len(wanted):
        sys.exit(f"not on the screen: {set(wanted) - set(seen)}\n{shown.decode(errors='replace')}")
    return started, seen


def main(binary):
    server = Server(("127.0.0.1", 0), Handler)
    server.sent = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm", "OPENAI_API_KEY": "sk-bench",
                       "OPENAI_BASE_URL": address, "MINIONS_LOCAL": "openai/worker",
                       "MINIONS_REMOTE": "openai/supervisor"}
        document = os.path.join(home, "letter.txt")
        with open(document, "w") as file:
            file.write("Signed: Ada.\n")
        prompts, firsts, laters = [], [], []
        for _ in range(RUNS):
            started, seen = on_terminal([binary, "ask", document], environment, [PROMPT])
            prompts.append(1000 * (seen[PROMPT] - started))
        for _ in range(RUNS):
            ask = [binary, "ask", "--protocol", "minion", "Who signed?", document]
            _, seen = on_terminal(ask, environment, WORDS)
            waits = [1000 * (seen[word] - server.sent[word]) for word in WORDS]
            firsts.append(waits[0])
            laters.extend(waits[1:])
    for name, waits, most in (("start to the prompt of a conversation", prompts, 15),
                              ("first piece of a streamed answer, sent to shown", firsts, 20),
                              ("its later pieces, sent to shown", laters, 20)):
        row(f"{name} (median)", statistics.median(waits), most, "ms", "<= 1.0")
        row(f"{name} (worst)", max(waits), most, "ms", "<= 1.0")


if __name__ == "__main__":
    main(sys.argv[1])
