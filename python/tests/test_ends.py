"""How jobs end: with what their callers keep, and with no job that nobody waits for."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import selectors
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from minions import LocalOnly, MinionsError, OllamaClient, OpenAIClient
from minions.errors import JobInterrupted, MinionsWarning
from minions.process import Process
from minions.results import Result
from minions.run import JobRun
from support import LOG, TASK, Case
from test_jobs import children_of, is_running


class Held(Case):
    """Replies wait."""

    def setUp(self) -> None:
        super().setUp()
        self.server.gate = threading.Event()
        self.addCleanup(self.server.gate.set)

    def program(self) -> int:
        """The one that waits for a reply."""
        self.assertTrue(self.server.arrived.wait(30))
        (program,) = children_of(os.getpid())
        return program

    def outlives(self, work: Callable[[], Any]) -> bool:
        """Whether the program of a task that is cancelled while it waits is there when the task has ended."""

        async def main() -> bool:
            task = asyncio.ensure_future(work())
            program = await asyncio.to_thread(self.program)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            return is_running(program)

        return asyncio.run(main())


class Ends(Held):
    def test_a_cancelled_loop_over_events_ends_its_job(self) -> None:
        async def loop() -> None:
            async for _ in self.minion().astream(TASK, [LOG]):
                pass

        self.assertFalse(self.outlives(loop))

    def test_a_cancelled_reply_ends_its_call(self) -> None:
        client = OllamaClient("llama3.2:3b")
        self.assertFalse(self.outlives(lambda: client.achat({"role": "user", "content": "Who?"})))

    def test_a_run_can_be_closed_beside_the_thread_that_loops(self) -> None:
        run = self.minion().stream(TASK, [LOG])
        ended: list[BaseException] = []

        def loop() -> None:
            try:
                for _ in run:
                    pass
            except MinionsError as error:
                ended.append(error)

        thread = threading.Thread(target=loop)
        thread.start()
        program = self.program()
        run.close()
        self.assertFalse(is_running(program))
        thread.join(30)
        self.assertFalse(thread.is_alive())
        with self.assertRaises(MinionsError) as caught:
            run.result
        self.assertEqual(caught.exception.kind, "cancelled")

    def test_a_loop_that_is_left_ends_its_job(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        for event in self.minion().stream(TASK, [LOG]):
            if event.type == "call":
                break
        self.assertEqual(children_of(os.getpid()), [])


class Kept(Case):
    def test_a_stream_tells_the_callback_and_remembers(self) -> None:
        told: list[Any] = []
        minion = self.minion(callback=lambda *what, **_: told.append(what), is_multi_turn=True)
        kinds = [event.type for event in minion.stream(TASK, [LOG])]
        self.assertEqual((len(told), told[-1][1]["content"]), (7, "The Aurora."))
        self.assertTrue(minion.conversation_history)

        async def loop() -> list[str]:
            minion.conversation_history = None
            return [event.type async for event in minion.astream(TASK, [LOG])]

        self.assertEqual(asyncio.run(loop()), kinds)
        self.assertEqual(len(told), 14)
        self.assertTrue(minion.conversation_history)

    def test_a_callback_that_raises_ends_a_stream(self) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("of the caller")

        run = self.minion(callback=fail).stream(TASK, [LOG])
        with self.assertRaises(ZeroDivisionError):
            list(run)
        self.assertEqual(children_of(os.getpid()), [])
        with self.assertRaisesRegex(MinionsError, "ZeroDivisionError: of the caller"):
            run.result

    def test_a_batch_takes_neither_callback_nor_conversation(self) -> None:
        for options in ({"callback": print}, {"is_multi_turn": True}):
            with self.subTest(options=options), self.assertRaisesRegex(MinionsError, f"it takes no {list(options)[0]}"):
                self.minion(**options).batch([{"task": TASK, "context": LOG}])

    def test_a_failure_stays_the_same(self) -> None:
        run = self.minion().stream(" ", [LOG])
        for _ in range(2):
            with self.assertRaisesRegex(MinionsError, "call_params.task") as caught:
                run.result
            self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("input", 2))

    def test_errors_keep_their_results_on_the_way_to_another_process(self) -> None:
        failed = MinionsError("x", "runtime", "do y", 3)
        failed.result = Result({"status": "failed"})
        for moved in (pickle.loads(pickle.dumps(failed)), copy.copy(failed)):
            self.assertEqual((str(moved), moved.result), (str(failed), {"status": "failed"}))
        stopped = JobInterrupted(Result({"status": "interrupted"}), [failed])
        moved = pickle.loads(pickle.dumps(stopped))
        self.assertEqual((str(moved), moved.result.status, str(moved.outcomes[0])), (str(stopped), "interrupted", str(failed)))

    def test_a_call_lifts_the_budget_of_the_constructor(self) -> None:
        minion = self.minion(budget={"remote_tokens": 1}, metadata={"a": 1})
        with self.assertRaises(MinionsError) as caught:
            minion(TASK, [LOG])
        self.assertEqual(caught.exception.kind, "budget")
        result = minion(TASK, [LOG], budget={}, metadata={})
        self.assertEqual((result.final_answer, result.get("metadata")), ("The Aurora.", {}))

    def test_warnings_are_told_at_the_caller_s_line(self) -> None:
        local, _ = self.sides()
        remote = OpenAIClient("gpt-4o", reasoning_effort="low")
        minion = type(self.minion())(local, remote)
        message = {"role": "user", "content": "Who?"}

        async def of_events() -> None:
            async for _ in minion.astream(TASK, [LOG]):
                pass

        async def awaited(work: Any) -> None:
            await work

        for name, work in {
            "call": lambda: minion(TASK, [LOG]),
            "stream": lambda: list(minion.stream(TASK, [LOG])),
            "batch": lambda: minion.batch([{"task": TASK, "context": LOG}]),
            "estimate": lambda: minion.estimate(TASK, [LOG]),
            "chat": lambda: remote.chat(message),
            "acall": lambda: asyncio.run(awaited(minion.acall(TASK, [LOG]))),
            "astream": lambda: asyncio.run(of_events()),
            "achat": lambda: asyncio.run(awaited(remote.achat(message))),
        }.items():
            with self.subTest(name=name), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                work()
            told = [warning.filename for warning in caught if warning.category is MinionsWarning]
            self.assertEqual(set(told), {__file__}, name)


class Processes(Case):
    def test_what_can_not_be_started_leaves_nothing_open(self) -> None:
        with self.assertRaisesRegex(MinionsError, "has a NUL"):
            LocalOnly(OllamaClient("m"), replay="a\0b")(TASK, LOG)
        before = os.listdir("/proc/self/fd")
        for _ in range(3):
            with self.assertRaisesRegex(ValueError, "null byte"):
                Process(["a\0b"], [b"{}"], True)
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_ctrl_c_loses_nothing_that_was_read(self) -> None:
        written = Path(self.folder) / "written"
        program = Path(self.folder) / "program"
        event = {"type": "message", "side": "supervisor", "role": "assistant", "text": "The Aurora."}
        program.write_text(
            f"#!{sys.executable}\nimport os, pathlib, sys\n"
            "events = int(sys.argv[sys.argv.index('--events') + 1][3:])\n"
            f"os.write(events, {json.dumps(event, separators=(',', ':')).encode()!r} + b'\\n')\n"
            f"os.write(1, b'{{}}')\npathlib.Path({str(written)!r}).touch()\nsys.stdin.read()\n"
        )
        program.chmod(0o755)
        os.environ["MINIONS_BINARY"] = str(program)
        select, read = selectors.DefaultSelector.select, os.read
        came: list[bytes] = []

        def events_first(self: Any, timeout: Any = None) -> Any:
            while not written.exists():
                os.sched_yield()
            return sorted(select(self, timeout), key=lambda ready: ready[0].data != "events")

        def interrupted(descriptor: int, size: int) -> bytes:
            if came:
                came.clear()
                raise KeyboardInterrupt
            data = read(descriptor, size)
            if b'"type":"message"' in data:
                came.append(data)
            return data

        run = JobRun({"call_params": {}}, ["run"])
        with mock.patch.object(selectors.DefaultSelector, "select", events_first), mock.patch("os.read", interrupted):
            with self.assertRaises(JobInterrupted) as caught:
                run.result
        self.assertEqual(caught.exception.result["supervisor_messages"], [{"role": "assistant", "content": "The Aurora."}])
