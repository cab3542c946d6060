"""Clients of one's own: either side of a job, by as many at a time as they say, behind a server that answers one job."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from minions import LocalOnly, Minion, Minions, MinionsError, Usage
from minions.clients.base import MinionsClient
from minions.loopback import Loopback
from support import LOG, TASK, Case


class Own(MinionsClient):
    """A client of a company's own; it is asked by one thread at a time."""

    def __init__(self, name: str, reply: Any) -> None:
        super().__init__(model_name=name)
        self.reply, self.asked = reply, 0

    def chat(self, messages: list[dict[str, Any]], **_: Any) -> Any:
        self.asked += 1
        return [self.reply(messages)], Usage(5, 10), ["stop"]


class OwnClients(Case):
    def test_an_object_with_chat_is_either_side(self) -> None:
        local, remote = self.sides()
        worker = Own("mine", lambda messages: "It says: The Aurora.")
        self.assertEqual(Minion(worker, remote)(TASK, [LOG]).final_answer, "The Aurora.")
        self.assertGreaterEqual(worker.asked, 1)
        supervisor = Own("company", lambda messages: self.server.supervise("\n".join(m["content"] for m in messages)))
        result = Minions(local, supervisor)(TASK, "A log.", [LOG])
        self.assertEqual(result.final_answer, "The Aurora.")
        # It may call anybody, so its calls are in the ledger.
        self.assertEqual(len(result.egress["calls"]), supervisor.asked)

    def test_what_it_raises_is_the_cause(self) -> None:
        def fail(_: Any) -> str:
            raise ZeroDivisionError("of the company")

        _, remote = self.sides()
        with self.assertRaises(MinionsError) as caught:
            Minion(Own("mine", fail), remote)(TASK, [LOG])
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
        self.assertIn("of the company", str(caught.exception))

    def test_an_async_chat_is_awaited(self) -> None:
        class Later:
            async def chat(self, messages: Any) -> Any:
                return "It says: The Aurora.", {"prompt_tokens": 1, "completion_tokens": 2}

        _, remote = self.sides()
        self.assertEqual(Minion(Later(), remote)(TASK, [LOG]).final_answer, "The Aurora.")

    def test_a_stream_that_never_began_leaves_no_server(self) -> None:
        _, remote = self.sides()
        run = Minion(Own("mine", lambda _: ""), remote).stream(TASK, [LOG])
        self.assertTrue(any(thread.name == "minions-loopback" for thread in threading.enumerate()))
        del run
        self.assertFalse(any(thread.name == "minions-loopback" for thread in threading.enumerate()))

    def test_nobody_else_is_answered(self) -> None:
        served = Loopback(Own("mine", lambda _: "secret"))
        self.addCleanup(served.close)
        url = served.spec()["kwargs"]["base_url"]
        for token in ("", "Bearer wrong"):
            request = urllib.request.Request(f"{url}/models", headers={"Authorization": token} if token else {})
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            self.assertEqual(caught.exception.code, 401)
            caught.exception.close()

    def test_a_reply_is_a_text(self) -> None:
        for reply, kind in ((None, "NoneType"), ({"a": 1}, "dict"), ([], "list")):
            with self.subTest(reply=reply), self.assertRaises(MinionsError) as caught:
                LocalOnly(Own("mine", lambda _: reply))(TASK, LOG)
            self.assertIsInstance(caught.exception.__cause__, TypeError)
            self.assertIn(f"not {kind}", str(caught.exception))

    def test_it_is_called_by_one_thread_at_a_time_in_all_jobs(self) -> None:
        under_way: list[int] = []
        met = threading.Event()

        def reply(_: Any) -> str:
            under_way.append(1)
            if len(under_way) > 1:
                met.set()
            # Time for a second one.
            met.wait(0.3)
            under_way.pop()
            return "The Aurora."

        # It has no hash, as a dataclass has none.
        one = type("Unhashable", (Own,), {"__eq__": lambda *_: True, "__hash__": None})("mine", reply)

        async def main() -> None:
            await asyncio.gather(*[LocalOnly(one).acall(TASK, LOG) for _ in range(3)])

        asyncio.run(main())
        self.assertEqual((one.asked, met.is_set()), (3, False))

    def test_a_call_that_waited_is_not_made_for_a_job_that_has_ended(self) -> None:
        entered, gate = threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        def reply(_: Any) -> str:
            entered.set()
            gate.wait(30)
            return "x"

        one = Own("mine", reply)
        first, second = Loopback(one), Loopback(one)
        self.addCleanup(first.close)
        request = {"messages": [{"role": "user", "content": "Who?"}]}
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                second.reply(request)
            except BaseException as error:
                failed.append(error)

        busy = threading.Thread(target=first.reply, args=(request,))
        busy.start()
        self.assertTrue(entered.wait(30))
        waits = threading.Thread(target=ask)
        waits.start()
        second.close()
        gate.set()
        busy.join(30)
        waits.join(30)
        self.assertEqual((one.asked, [str(error) for error in failed]), (1, ["the job has ended"]))


    def test_a_server_can_be_closed_in_its_own_thread(self) -> None:
        served = Loopback(Own("mine", lambda _: "x"))
        closed = threading.Event()

        def close() -> None:
            if not closed.is_set():
                served.close()
                closed.set()

        served._server.service_actions = close  # type: ignore[method-assign]
        self.assertTrue(closed.wait(30))
        served._thread.join(30)
        self.assertFalse(served._thread.is_alive())


class Coroutines(Case):
    def test_what_it_keeps_serves_the_second_call(self) -> None:
        port = int(self.server.url.rsplit(":", 1)[1])

        class Connected:
            streams: Any = None

            async def chat(self, messages: Any) -> Any:
                # A connection belongs to the loop that it was made in.
                if self.streams is None:
                    self.streams = await asyncio.open_connection("127.0.0.1", port)
                reader, writer = self.streams
                writer.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                return [f"It says {head[:12].decode()}."], Usage(1, 1)

        client = Connected()
        for _ in range(2):
            self.assertEqual(LocalOnly(client)(TASK, LOG).final_answer, "It says HTTP/1.1 200.")

    def test_one_that_is_under_way_ends_with_its_job(self) -> None:
        began, ended = threading.Event(), threading.Event()

        class Slow:
            async def chat(self, messages: Any) -> Any:
                began.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    ended.set()

        run = LocalOnly(Slow()).stream(TASK, LOG)
        loop = threading.Thread(target=lambda: list(run))
        with self.ignored_in_threads():
            loop.start()
            self.assertTrue(began.wait(30))
            run.stop()
            loop.join(30)
        self.assertTrue(ended.wait(30))

    def ignored_in_threads(self) -> Any:
        from unittest import mock

        return mock.patch("threading.excepthook", lambda _: None)


class Strangers(Case):
    def connect(self, served: Loopback) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", served._server.server_address[1]), 20)
        self.addCleanup(connection.close)
        return connection

    def serve(self) -> Loopback:
        served = Loopback(Own("mine", lambda _: "secret"))
        self.addCleanup(served.close)
        return served

    def test_nothing_of_a_stranger_s_body_is_read(self) -> None:
        stranger = self.connect(self.serve())
        stranger.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        said = b""
        while piece := stranger.recv(1 << 16):
            said += piece
        self.assertTrue(said.startswith(b"HTTP/1.1 401"), said)

    def test_strangers_take_some_threads_and_no_more(self) -> None:
        served = self.serve()
        before = threading.active_count()
        idle = [self.connect(served) for _ in range(60)]
        # The last one is sent away.
        self.assertEqual(idle[-1].recv(1), b"")
        self.assertLess(threading.active_count() - before, 40)
        for connection in idle:
            connection.close()

    def test_an_idle_connection_ends(self) -> None:
        from minions.loopback import _Handler

        self.assertLessEqual(_Handler.timeout, 60)


class Forks(Case):
    def ends_in_a_fork(self, run: Any) -> None:
        """Closes `run` in a fork, which must come to its end."""
        pid = os.fork()
        if pid == 0:
            run.close()
            os._exit(0)
        end = time.monotonic() + 20
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.fail("the fork hangs")
            time.sleep(0.02)

    def test_a_run_can_be_closed_in_a_fork_and_goes_on_here(self) -> None:
        _, remote = self.sides()
        run = Minion(Own("mine", lambda _: "It says: The Aurora."), remote).stream(TASK, [LOG])
        next(iter(run))
        self.ends_in_a_fork(run)
        self.assertEqual(run.result.final_answer, "The Aurora.")

    def test_so_can_one_that_another_thread_waits_for(self) -> None:
        gate = self.server.gate = threading.Event()
        self.addCleanup(gate.set)
        run = self.minion().stream(TASK, [LOG])
        loop = threading.Thread(target=lambda: list(run))
        loop.start()
        self.assertTrue(self.server.arrived.wait(30))
        self.ends_in_a_fork(run)
        gate.set()
        loop.join(30)
        self.assertEqual(run.result.final_answer, "The Aurora.")
