"""How well a queue spreads a batch over workers. usage: scale.py BINARY NATS_SERVER [JOBS [KILLS]]

Model calls take their time, so that four workers on one machine do not fight for its processors. Printed are four workers
against one, what the queue adds to a job, a batch in which one job in ten takes ten times as long (static shards
beside it), how soon a new worker asks its first question, and what is lost, twice or asked in vain where workers, a
node, the broker, the submitter and the collector are killed at random.
"""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from statistics import median

from model_server import OneAtATime, chat, http, serve
from table import row

BINARY, NATS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
JOBS = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
KILLS = int(sys.argv[4]) if len(sys.argv) > 4 else 100
SLOTS, WORKERS = 16, 4
ENVIRONMENT = {**os.environ, "OPENAI_API_KEY": "sk-bench-0123456789"}


ASK = json.dumps({"reasoning": "r", "message": "Who signed?"})
ANSWER = json.dumps({"reasoning": "r", "decision": "provide_final_answer", "message": None, "answer": "Ada"})


class Slow(OneAtATime):
    """Both sides of the jobs. The worker's reply takes `latency` seconds, ten times as long where the document says so."""

    latency, asked = 0.0, []

    def answer(self, head, body):
        if b'"model":"worker"' in body:
            Slow.asked.append(time.monotonic())
            wait = Slow.latency * (10 if b"slowly" in body else 1)
            asyncio.get_running_loop().call_later(wait, self.transport.write, chat("Ada signed."))
        elif head.startswith(b"GET"):
            # Without the list of models, each worker that starts asks its model for one token more.
            self.transport.write(http(200, {"data": [{"id": "worker"}, {"id": "supervisor"}]})
                                 if b"/models " in head else http(404, {}))
        else:
            self.transport.write(chat(ANSWER) if b'"assistant"' in body else chat(ASK))


def write_jobs(path, url, count, slow=lambda number: False):
    def client(model):
        return {"type": "openai", "model_name": model, "kwargs": {"base_url": url}}

    with open(path, "w", encoding="utf-8") as out:
        for number in range(count):
            out.write(json.dumps({
                "custom_id": f"job-{number}",
                "local_client": client("worker"),
                "remote_client": client("supervisor"),
                "call_params": {"task": "Who signed?", "max_rounds": 2,
                                "context": [("slowly " if slow(number) else "") + "lorem ipsum " * 100]},
            }) + "\n")


class Bench:
    def __init__(self, folder):
        self.folder, self.queues, self.nowhere = folder, 0, open(os.devnull, "w")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.broker()

    def broker(self):
        self.server = subprocess.Popen([NATS, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", self.folder],
                                       stderr=subprocess.DEVNULL)
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)

    def queue(self):
        self.queues += 1
        return f"nats://127.0.0.1:{self.port}/q{self.queues}"

    def run(self, *words, **options):
        # Not subprocess.DEVNULL: it is open for reading, too, as a closed stdout is.
        options = {"stdout": self.nowhere, **options}
        return subprocess.Popen([BINARY, *words], env=ENVIRONMENT, cwd=self.folder, stdin=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, **options)

    def took(self, *words):
        begun = time.monotonic()
        assert self.run(*words).wait() == 0, words
        return time.monotonic() - begun

    def through(self, jobs, workers):
        """Seconds of submitting, and from then on until everything is collected."""
        queue = self.queue()
        submitting = self.took("submit", jobs, "--queue", queue)
        begun = time.monotonic()
        running = [self.run("work", "--queue", queue, "--max-jobs", str(SLOTS), "--slim") for _ in range(workers)]
        self.took("collect", "--queue", queue, "--follow")
        seconds = time.monotonic() - begun
        for worker in running:
            worker.terminate()
            worker.wait()
        return submitting, seconds

    def shards(self, jobs, count):
        begun = time.monotonic()
        running = [self.run("batch", jobs, "--shard", f"{index}/{count}", "--max-jobs", str(SLOTS), "--slim")
                   for index in range(count)]
        assert all(shard.wait() == 0 for shard in running)
        return time.monotonic() - begun

    def storm(self, jobs):
        """Kills at random; gives the custom_ids that were collected, whether with an answer, and how many slots that hit."""
        queue, slots, killed = self.queue(), 4, 0
        path = os.path.join(self.folder, "storm.jsonl")
        open(path, "w").close()

        def submit():
            return self.run("submit", jobs, "--queue", queue, "--lost-after", "5", "--remote-tokens", str(10**9))

        def collect():
            with open(path, "a") as out:
                return self.run("collect", "--queue", queue, "--follow", "--resume", path, stdout=out)

        def work():
            return self.run("work", "--queue", queue, "--max-jobs", str(slots), "--slim")

        def end(process):
            process.kill()
            process.wait()

        assert submit().wait() == 0
        submitter, collector, workers = submit(), collect(), [work() for _ in range(WORKERS)]
        for _ in range(KILLS):
            # A job that four workers died of is given up, so that they have to live longer than their jobs.
            time.sleep(random.uniform(0.1, 0.8))
            victim = random.randrange(WORKERS + 4)
            if victim < WORKERS:
                end(workers[victim])
                workers[victim], killed = work(), killed + 1
            elif victim == WORKERS:
                # It has no slots: what workers run goes on.
                end(self.server)
                self.broker()
            elif victim == WORKERS + 1:
                end(collector)
                collector = collect()
            elif victim == WORKERS + 2:
                # A node: half of the workers and the collector are gone at once.
                node = [*workers[:WORKERS // 2], collector]
                for process in node:
                    process.kill()
                for process in node:
                    process.wait()
                workers[:WORKERS // 2], collector = [work() for _ in node[1:]], collect()
                killed += WORKERS // 2
            else:
                end(submitter)
                submitter = submit()
        end(submitter)
        end(collector)
        # A job that was given up, and that nobody has submitted again, is lost.
        assert submit().wait() == 0 and collect().wait() in (0, 3)
        for worker in workers:
            end(worker)
        with open(path) as lines:
            results = [(line["custom_id"], line["success"]) for line in map(json.loads, lines)]
            return results, killed * slots


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench, url, path = Bench(folder), serve(Slow), os.path.join(folder, "jobs.jsonl")
        try:
            Slow.latency = 0.5
            write_jobs(path, url, JOBS // WORKERS)
            one = JOBS // WORKERS / bench.through(path, 1)[1]
            write_jobs(path, url, JOBS)
            four = JOBS / bench.through(path, WORKERS)[1]
            row(f"jobs/s of {WORKERS} workers, {JOBS} jobs; {WORKERS} times one", four, WORKERS * one, "jobs/s", ">= 0.9")

            Slow.latency, some = 0.0, JOBS // 5
            write_jobs(path, url, some)
            costs = []
            for _ in range(3):
                alone = bench.took("batch", path, "--max-jobs", str(SLOTS), "--slim")
                costs.append(1000 * (sum(bench.through(path, 1)) - alone) / some)
            row(f"what the queue adds to a job, {some} jobs, one worker", median(costs), 1, "ms", "<= 1", 2)

            Slow.latency, jobs = 0.2, JOBS
            # Each tenth of what is left, so that a shard may have more of them than another.
            write_jobs(path, url, jobs, slow=lambda number: number * 2654435761 % 2**32 % 10 == 0)
            slow = sum(number * 2654435761 % 2**32 % 10 == 0 for number in range(jobs))
            ideal = Slow.latency * (jobs + 9 * slow) / (SLOTS * WORKERS)
            row(f"one job in ten takes ten times as long, {jobs} jobs: queue", bench.through(path, WORKERS)[1], ideal, "s", "<= 1.1")
            row(f"the same, {WORKERS} static shards", bench.shards(path, WORKERS), ideal, "s", "<= 2")

            Slow.latency, queue = 0.05, bench.queue()
            write_jobs(path, url, 2000)
            bench.took("submit", path, "--queue", queue)
            Slow.asked.clear()
            begun = time.monotonic()
            worker = bench.run("work", "--queue", queue)
            while not Slow.asked:
                time.sleep(0.001)
            row("from the start of a worker to its first call", Slow.asked[0] - begun, 2, "s", "<= 1", 3)
            worker.kill()
            worker.wait()

            Slow.latency, jobs = 0.1, 80 * KILLS
            write_jobs(path, url, jobs)
            Slow.asked.clear()
            collected, most = bench.storm(path)
            answered, all_ids = {name for name, success in collected if success}, {name for name, _ in collected}
            row(f"{KILLS} kills at random, {jobs} jobs: results lost", jobs - len(answered), 0, "", "", 0)
            row("the same: results that are there twice", len(collected) - len(all_ids), 0, "", "", 0)
            row("the same: calls in vain; slots of what was killed", len(Slow.asked) - jobs, most, "calls", "<= 1", 0)
        finally:
            bench.server.kill()


if __name__ == "__main__":
    main()
