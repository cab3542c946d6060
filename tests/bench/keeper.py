"""Deaths at random: fan-outs at an Ollama daemon that minions keeps, with its watchdog, daemon or runner killed.
usage: keeper.py BINARY STANDIN [FAN_OUTS] [SEED]

STANDIN is the stand-in of Ollama (the binary `ollama-standin` of the tests). Each fan-out is a job of its own; some find a
daemon that waits for them, some start one. No call may be lost, and once the last wish has passed nothing may be left.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CALLS = 12


def processes(home):
    """Processes of this home by what they are."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                is_ours = f"HOME={home}".encode() in file.read().split(b"\0")
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if is_ours:
            kind = next((name for name, word in KINDS.items() if word in words), "other")
            found.setdefault(kind, []).append(int(pid))
    return found


KINDS = {"runner": b"runner", "daemon": b"serve", "watchdog": b"ollama-watchdog"}


class Killer(threading.Thread):
    """Kills now and then, until told to end."""

    def __init__(self, home, rng):
        super().__init__(daemon=True)
        self.home, self.rng, self.done, self.killed = home, rng, threading.Event(), []

    def run(self):
        # Two at most: each takes a call's tries, of which there are four.
        for _ in range(self.rng.choice([1, 1, 2])):
            if self.done.wait(self.rng.uniform(0, 1.2)):
                return
            kind = self.rng.choice(list(KINDS))
            found = processes(self.home)
            # A daemon that is killed before it answers has failed to start, and that is told.
            if kind == "daemon" and "runner" not in found:
                continue
            for pid in found.get(kind, [])[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(kind)
                except ProcessLookupError:
                    pass


def run(binary, home, port, linger, rng):
    client = {"type": "ollama", "model_name": "m"}
    job = {
        "local_client": client, "remote_client": client, "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "Who signed?", "context": [f"Ann signed letter {n}." for n in range(CALLS)]},
    }
    environment = {
        "HOME": home, "XDG_RUNTIME_DIR": home, "PATH": f"{home}:/usr/bin:/bin", "OLLAMA_HOST": f"127.0.0.1:{port}",
        "STANDIN_MODELS": "m", "STANDIN_WORK_MS": "100", "STANDIN_CHATTER": "1", "MINIONS_LINGER": linger,
    }
    killer = Killer(home, rng)
    killer.start()
    done = subprocess.run([binary], input=json.dumps(job), capture_output=True, text=True, cwd=home, env=environment,
                          timeout=120)
    killer.done.set()
    killer.join()
    envelope = json.loads(done.stdout)
    if not envelope["success"]:
        return killer.killed, envelope["error"]
    if f"worker jobs: {CALLS} of {CALLS} done" not in done.stderr or "gave up" in done.stderr:
        return killer.killed, done.stderr[-400:]
    return killer.killed, None


def main():
    binary, standin = map(os.path.abspath, sys.argv[1:3])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    rng = random.Random(seed)
    complaints, killed = 0, []
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(home, "ollama"), "w") as file:
            file.write(f"#!/bin/sh\nexec {standin} \"$@\"\n")
        os.chmod(file.name, 0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for number in range(count):
            last = number == count - 1
            deaths, complaint = run(binary, home, port, "2" if last else rng.choice(["0", "1", "30"]), rng)
            killed += deaths
            if complaint:
                complaints += 1
                print(f"{number:4} {deaths}\n     {complaint}", flush=True)
        for _ in range(400):
            left = processes(home)
            if not left:
                break
            time.sleep(0.05)
        if left:
            complaints += 1
            print(f"left behind: {left}")
    tally = {kind: killed.count(kind) for kind in KINDS}
    print(f"{count} fan-outs, seed {seed}, killed {tally}: {complaints} complaints")
    sys.exit(bool(complaints))


main()
