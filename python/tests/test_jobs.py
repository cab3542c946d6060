"""Jobs: calls, events, callbacks, files, batches, interrupts, failures."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from minions import Auto, LocalOnly, Minion, Minions, OllamaClient, OpenAIClient, RemoteOnly
from minions.errors import JobInterrupted, MinionsError, MinionsWarning
from minions.jobs import Job
from minions.results import Result
from support import LOG, TASK, Case

PACKAGE = str(Path(__file__).resolve().parents[1] / "src")


def is_running(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """The processes that the threads of `pid` have started."""
    lists = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for children in lists for child in children]


class Calls(Case):
    def test_callback_is_told_in_the_order_of_the_original(self) -> None:
        told: list[tuple[str, Any, bool]] = []
        minion = self.minion(callback=lambda role, message, is_final: told.append((role, message, is_final)))
        minion(TASK, [LOG])
        shape = [(role, message and message["role"], is_final) for role, message, is_final in told]
        said = "assistant"
        self.assertEqual(
            shape,
            [
                ("supervisor", None, False),
                ("supervisor", said, False),
                ("worker", None, False),
                ("worker", said, False),
                ("supervisor", None, False),
                ("supervisor", said, False),
                ("supervisor", said, True),
            ],
        )
        self.assertEqual(told[-1][1], {"role": said, "content": "The Aurora."})

    def test_callback_of_minions_is_given_jobs(self) -> None:
        told: list[tuple[str, Any, bool]] = []
        result = self.minions(callback=lambda *all, **named: told.append((*all, named["is_final"])))(TASK, "A log.", [LOG])
        self.assertEqual(
            [(role, type(message).__name__, is_final) for role, message, is_final in told],
            [
                ("supervisor", "NoneType", False),
                ("supervisor", "dict", False),
                ("worker", "NoneType", False),
                ("worker", "list", False),
                ("supervisor", "NoneType", False),
                ("supervisor", "dict", True),
                ("supervisor", "dict", True),
            ],
        )
        (job,) = told[3][1]
        self.assertIsInstance(job, Job)
        self.assertEqual((job.output.answer, job.output.explanation, job.include), ("The Aurora", "It is named.", True))
        self.assertIn("Aurora", job.output.citation)
        self.assertEqual(job.manifest.task, "Quote the line about the vessel.")
        self.assertEqual(job.model_dump()["manifest"]["job_id"], 0)
        self.assertIn("✓", repr(result))

    def test_results_show_themselves(self) -> None:
        result = self.minions()(TASK, "A log.", [{"name": "log<1>.txt", "text": LOG}])
        self.assertEqual(result.evidence.verified, result.evidence)
        self.assertIn('✓ log<1>.txt', repr(result.evidence))
        self.assertIn("The Aurora.", str(result))
        for part in (result, result.evidence, result.egress, result.savings):
            html = part._repr_html_()
            self.assertTrue(html.startswith("<") and "log<1>" not in html, html)
        self.assertIn("log&lt;1&gt;.txt", result._repr_html_())
        self.assertGreater(result.egress.bytes, 0)
        self.assertIn("of the documents' text", repr(result.egress))

    def test_documents_come_as_texts_paths_and_dicts(self) -> None:
        file = Path(self.folder) / "log.txt"
        file.write_text(LOG)
        for given in ({"context": LOG}, {"context": file}, {"files": str(file)}, {"files": [file]}):
            with self.subTest(given=given):
                self.assertEqual(self.minion()(TASK, **given).final_answer, "The Aurora.")
        with self.assertRaisesRegex(TypeError, "decode bytes"):
            self.minion()(TASK, [b"bytes"])
        with self.assertRaises(MinionsError) as caught:
            self.minion()(TASK, files=[b"/tmp/\xff.txt"])
        self.assertIn("not UTF-8", str(caught.exception))

    def test_a_stream_has_all_events_and_then_the_result(self) -> None:
        run = self.minions().stream(TASK, "A log.", [LOG])
        events = list(run)
        self.assertEqual([event.seq for event in events], list(range(len(events))))
        self.assertEqual((events[0].type, events[-1].type), ("started", "finished"))
        self.assertEqual(run.result.final_answer, "The Aurora.")
        with self.assertRaises(AttributeError):
            events[0].nothing

    def test_a_stream_that_is_left_ends_its_job(self) -> None:
        self.server.gate = threading.Event()
        self.addCleanup(self.server.gate.set)
        with self.minion().stream(TASK, [LOG]) as run:
            next(iter(run))
            pid = run._state.stop.process.pid  # type: ignore[union-attr]
        self.assertFalse(is_running(pid))
        with self.assertRaises(MinionsError):
            run.result

    def test_a_callback_that_raises_ends_the_job(self) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.minion(callback=fail)(TASK, [LOG])

    def test_other_protocols(self) -> None:
        local, remote = self.sides()
        self.assertEqual(LocalOnly(local)(TASK, LOG)["final_answer"], "The Aurora")
        self.assertIn("routing", Auto(local, remote)(TASK, context=[LOG]))
        self.assertEqual(RemoteOnly(remote_client=remote)(TASK, LOG).final_answer, "The Aurora.")

    def test_a_conversation_remembers(self) -> None:
        minion = self.minion(is_multi_turn=True)
        minion(TASK, [LOG])
        self.assertTrue(minion.conversation_history)
        minion("And when?", [LOG])
        self.assertTrue(any(TASK in str(body) and "And when?" in str(body) for body in self.server.requests))

    def test_an_estimate_makes_no_call(self) -> None:
        self.assertIn("remote", str(self.minion().estimate(TASK, [LOG])))
        self.assertEqual(self.server.requests, [])

    def test_a_batch_keeps_its_order(self) -> None:
        outcomes = self.minion().batch([{"task": TASK, "context": LOG}, {"task": " ", "context": LOG}, {"task": TASK, "context": [LOG]}], 2)
        self.assertEqual([type(outcome) for outcome in outcomes], [Result, MinionsError, Result])
        self.assertIn("call_params.task", str(outcomes[1]))
        with self.assertRaises(TypeError):
            self.minion().batch([{"tusk": TASK}])


class Failures(Case):
    def test_an_error_has_kind_and_hint(self) -> None:
        with self.assertRaises(MinionsError) as caught:
            self.minion()(TASK, [LOG], max_rounds=0)
        self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("input", 2))
        with self.assertRaises(MinionsError) as caught:
            Minion(OllamaClient("llama3.2:3b"), OpenAIClient("gpt-4o", base_url="http://127.0.0.1:9/v1", retries=0))(TASK, [LOG])
        self.assertTrue(caught.exception.kind.startswith("model."), caught.exception.kind)
        self.assertTrue(caught.exception.hint)
        self.assertEqual(caught.exception.result.status, "failed")  # type: ignore[union-attr]

    def test_unknown_options_are_errors_that_name_the_right_one(self) -> None:
        for make, meant in (
            (lambda: OllamaClient("m", temprature=0), "temperature"),
            (lambda: Minion(replai="x"), "replay"),
            (lambda: Minions(worker_batchsize=2), "worker_batch_size"),
            (lambda: OpenAIClient("m").chat([], max_token=3), "max_tokens"),
        ):
            with self.assertRaisesRegex(TypeError, meant):
                make()
        with self.assertRaisesRegex(TypeError, "is a class"):
            Minion(OllamaClient, OpenAIClient("m"))
        with self.assertRaisesRegex(TypeError, "chat method"):
            Minion("ollama")
        with self.assertRaisesRegex(MinionsError, "mcp_client"):
            Minion(mcp_client=object())

    def test_what_has_no_effect_is_a_warning(self) -> None:
        local, _ = self.sides()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Minion(local, OpenAIClient("gpt-4o", reasoning_effort="low"))(TASK, [LOG])
        told = [str(warning.message) for warning in caught if warning.category is MinionsWarning]
        self.assertTrue(any("reasoning_effort" in text for text in told), told)

    def test_a_missing_or_foreign_program_is_told(self) -> None:
        foreign = Path(self.folder) / "minions"
        foreign.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 60)
        foreign.chmod(0o755)
        other = Path(self.folder) / "other"
        other.write_text("#!/bin/sh\necho '[]'\n")
        other.chmod(0o755)
        for path, words in (("/no/such", "which is no file"), (foreign, "for another machine"), (other, "not the program minions")):
            os.environ["MINIONS_BINARY"] = str(path)
            with self.subTest(path=path), self.assertRaises(MinionsError) as caught:
                self.minion()(TASK, [LOG])
            self.assertIn(words, str(caught.exception))
            self.assertEqual(caught.exception.kind, "system")


class Interrupts(Case):
    def child(self, code: str, **options: Any) -> subprocess.Popen[str]:
        head = "import os, time\nfrom minions import JobInterrupted, Minion, OllamaClient, OpenAIClient\n"
        head += f"minion = Minion(OllamaClient('llama3.2:3b'), OpenAIClient('gpt-4o'))\nLOG = {LOG!r}\n"
        environment = {**os.environ, "PYTHONPATH": PACKAGE}
        return subprocess.Popen(
            [sys.executable, "-c", head + code],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            **options,
        )

    def hold(self) -> threading.Event:
        """The first reply waits for what is given back."""
        gate = self.server.gate = threading.Event()
        self.addCleanup(gate.set)
        return gate

    def program_of(self, pid: int) -> int:
        return children_of(pid)[0]

    def test_ctrl_c_gives_what_there_is_and_leaves_nothing(self) -> None:
        code = "try:\n    minion('Who?', [LOG])\nexcept JobInterrupted as stopped:\n    print(stopped.result.status, stopped.result['rounds'])\n"
        self.hold()
        child = self.child(code)
        self.assertTrue(self.server.arrived.wait(30))
        program = self.program_of(child.pid)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=30)
        self.assertTrue(out.startswith("interrupted "), out)
        self.assertFalse(is_running(program))

    def test_ctrl_c_in_a_batch_is_raised_with_the_outcomes(self) -> None:
        code = "try:\n    minion.batch([{'task': 'Who?', 'context': LOG}] * 2)\nexcept JobInterrupted as stopped:\n"
        code += "    print(stopped.result.status, [type(outcome).__name__ for outcome in stopped.outcomes])\n"
        self.hold()
        child = self.child(code)
        self.assertTrue(self.server.arrived.wait(30))
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=30)
        self.assertEqual(out, "interrupted ['MinionsError', 'MinionsError']\n")

    def test_no_program_outlives_a_kernel_that_is_killed(self) -> None:
        # A fork that lives on has a copy of what it was given.
        code = "import threading\nthreading.Thread(target=lambda: minion('Who?', [LOG])).start()\ntime.sleep(2)\nif os.fork() == 0:\n    print('forked', flush=True)\n    time.sleep(30)\n    os._exit(0)\ntime.sleep(60)\n"
        self.hold()
        child = self.child(code)
        self.assertTrue(self.server.arrived.wait(30))
        program = self.program_of(child.pid)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), "forked\n")
        fork = [pid for pid in children_of(child.pid) if pid != program]
        child.kill()
        child.wait()
        end = time.monotonic() + 10
        while is_running(program) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(is_running(program))
        for pid in fork:
            os.kill(pid, signal.SIGKILL)
        child.stdout.close()

    def test_a_task_that_is_cancelled_ends_its_job(self) -> None:
        self.hold()

        async def main() -> int:
            task = asyncio.ensure_future(self.minion().acall(TASK, [LOG]))
            await asyncio.to_thread(self.server.arrived.wait, 30)
            program = self.program_of_mine()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            return program

        self.assertFalse(is_running(asyncio.run(main())))

    def program_of_mine(self) -> int:
        return children_of(os.getpid())[0]

    def test_calls_beside_a_running_loop(self) -> None:
        async def main() -> tuple[Any, Any, list[str]]:
            # A notebook's loop runs while a cell calls.
            called = self.minion()(TASK, [LOG])
            awaited = await self.minion().acall(TASK, [LOG])
            kinds = [event.type async for event in self.minion().astream(TASK, [LOG])]
            return called, awaited, kinds

        called, awaited, kinds = asyncio.run(main())
        self.assertEqual((called.final_answer, awaited.final_answer), ("The Aurora.", "The Aurora."))
        self.assertEqual(kinds[-1], "finished")

    def test_two_kernels_and_odd_surroundings(self) -> None:
        path = Path(self.folder)
        code = "r = minion('Who?', [LOG])\nopen(%r, 'w').write(r.final_answer)\n"
        children = [self.child(code % str(path / name)) for name in ("a", "b")]
        # Without stdin and stdout their numbers are free for others.
        environment = {**os.environ, "PYTHONPATH": PACKAGE}
        head = "from minions import Minion, OllamaClient, OpenAIClient\nminion = Minion(OllamaClient('llama3.2:3b'), OpenAIClient('gpt-4o'))\nLOG = 'The Aurora came in.'\n"
        odd = path / "odd.py"
        odd.write_text(head + code % str(path / "c"))
        subprocess.run(["sh", "-c", f"exec {sys.executable} -OO {odd} <&- >&-"], env=environment, check=True)
        for child in children:
            child.communicate(timeout=60)
        self.assertEqual([(path / name).read_text() for name in "abc"], ["The Aurora."] * 3)
