"""A job under way: the program's events one after the other, then its result, or why there is none."""

from __future__ import annotations

import copy
import json
import os
import threading
from typing import Any, Callable, Iterator, Optional

from minions.errors import JobInterrupted, MinionsError, warn
from minions.events import Event
from minions.json_pieces import pieces
from minions.process import Lines, Process, Stop
from minions.results import Result

_FINISHED = b'"type":"finished"'
_KINDS = {2: "input", 124: "deadline", 129: "hung_up", 130: "cancelled", 143: "terminated"}
"""Kinds of failures by exit code, for jobs that had no events."""


class JobRun:
    """A run of `job`. Iterating gives its events; `result` is there when they have ended.

    close: what is to be closed at its end, whatever ends it. hear: is told each event before the loop has it; what it raises
    ends the job, and is raised. done: is told the result.
    """

    def __init__(
        self,
        job: dict[str, Any],
        arguments: list[str],
        close: Callable[[], Optional[BaseException]] = lambda: None,
        hear: Optional[Callable[[Event], None]] = None,
        done: Optional[Callable[[Result], None]] = None,
    ) -> None:
        self.job = job
        self.arguments = arguments
        self._hear = hear
        self._done = done
        self._state = _State(job, close)
        self._events: Optional[Iterator[Event]] = None
        self._is_over = False
        self._failed: Optional[BaseException] = None
        self._lock = threading.RLock()
        self._pid = os.getpid()

    @property
    def result(self) -> Result:
        """The result, once the events have ended; runs what is left of the job."""
        for _ in self:
            pass
        if self._state.result is not None:
            return self._state.result
        if self._failed is not None:
            raise _again(self._failed) from self._failed.__cause__
        raise MinionsError("the job was not run to its end, so it has no result", "cancelled")

    def stop(self) -> None:
        """Asks the job to end, in any thread."""
        self._state.stop.ask()

    def close(self) -> None:
        """Ends the job now, if it has not ended. May be called in any thread."""
        if os.getpid() != self._pid:
            # The job is that of the process which this one was forked from.
            self._state.close()
            return
        self._is_over = True
        if not self._lock.acquire(blocking=False):
            # Another thread waits for the next event.
            self.stop()
            self._lock.acquire()
        try:
            if self._events is not None:
                self._events.close()  # type: ignore[attr-defined]
            self._state.close()
        finally:
            self._lock.release()

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> JobRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        # A second loop goes on where the first one left off.
        return self

    def __next__(self) -> Event:
        with self._lock:
            if self._is_over:
                raise StopIteration
            if self._events is None:
                self._events = _events(self._state, self.job, self.arguments)
            try:
                event = next(self._events, None)
                if event is not None and self._hear is not None:
                    self._hear(event)
            except BaseException as error:
                self._failed = _again(error)
                self.close()
                self._warn()
                raise
            if event is None:
                self._is_over = True
                self._warn()
                if self._done is not None and self._state.result is not None:
                    self._done(self._state.result)
                raise StopIteration
            return event

    def partial(self, status: str = "interrupted") -> Result:
        """What there is so far."""
        return self._state.seen.result(status)

    def to_end(self) -> Result:
        """Runs the job. Raises JobInterrupted after Ctrl-C."""
        try:
            return self.result
        except JobInterrupted:
            raise
        except KeyboardInterrupt:
            self.close()
            raise JobInterrupted(self.partial()) from None

    def _warn(self) -> None:
        texts, self._state.warnings = self._state.warnings, []
        warn(texts)


def _again(error: BaseException) -> BaseException:
    """What to raise a second time. Without the traceback, which would keep the documents."""
    if not isinstance(error, (MinionsError, JobInterrupted)):
        return MinionsError(f"the job was ended by {type(error).__name__}: {error}", "cancelled")
    again = copy.copy(error)
    again.__cause__ = error.__cause__
    return again


class _State:
    """What a run and the generator of its events share. The generator does not hold the run, so one that is let go ends."""

    def __init__(self, job: dict[str, Any], close: Callable[[], Optional[BaseException]]) -> None:
        self.close = close
        self.seen = _Seen(job)
        self.stop = Stop()
        self.warnings: list[str] = []
        self.result: Optional[Result] = None


def _events(state: _State, job: dict[str, Any], arguments: list[str]) -> Iterator[Event]:
    out: list[bytes] = []
    lines = Lines(_FINISHED)
    try:
        process = Process([*arguments, "--quiet"], pieces(job), has_events=True)
    except BaseException:
        state.close()
        raise
    try:
        state.stop.watch(process)
        for name, data in process.written():
            if name == "out":
                out.append(data)
            elif name == "events":
                for line in lines.add(data):
                    event = _event(line)
                    state.seen.note(event)
                    yield event
    except KeyboardInterrupt:
        process.was_interrupted = True
    finally:
        exit_code = process.close()
        raised = state.close()
        state.warnings = process.warnings()
    if process.was_interrupted:
        raise JobInterrupted(state.seen.result("interrupted"))
    envelope = envelope_of(b"".join(out), exit_code, process.stderr())
    if not envelope["success"]:
        error = failure(envelope["error"], state.seen.kind, exit_code)
        error.result = state.seen.result("failed")
        raise error from raised
    state.result = state.seen.completed(envelope["result"])


def envelope_of(out: bytes, exit_code: int, stderr: str) -> dict[str, Any]:
    """The envelope that the program printed."""
    try:
        envelope = json.loads(str(out, "utf-8"))
    except ValueError:
        last = stderr.strip().splitlines()
        words = last[-1] if last else "it said nothing"
        raise MinionsError(
            f"the program ended with {exit_code} and without a result: {words}", "system", None, exit_code
        ) from None
    if not isinstance(envelope, dict) or "success" not in envelope:
        raise MinionsError(
            "what MINIONS_BINARY names is not the program minions of this version", "system", "unset it", exit_code
        )
    return envelope


def failure(text: str, kind: Any, exit_code: Optional[int]) -> MinionsError:
    """The error that an envelope tells of. `kind` is that of its last event, if it had one."""
    message, _, hint = text.partition(" Hint: ")
    if isinstance(kind, dict):
        kind = ".".join(f"{key}.{value}" for key, value in kind.items())
    if kind is None:
        kind = _KINDS.get(exit_code or 0, "system")
    return MinionsError(message.rstrip(".") if hint else message, str(kind), hint or None, exit_code)


def _event(line: bytes) -> Event:
    if _FINISHED in line[:200]:
        # The envelope comes on stdout, too.
        head, found, _ = line.partition(b',"envelope":')
        line = head + b"}" if found else line
    return Event(json.loads(line))


class _Seen:
    """What is known of a job by its events."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._messages: dict[str, list[dict[str, str]]] = {"supervisor": [], "worker": []}
        self._evidence: list[dict[str, Any]] = []
        self._last: dict[str, Event] = {}
        self.kind: Any = None

    def note(self, event: Event) -> None:
        kind = event["type"]
        if kind == "message" and event["side"] in self._messages:
            self._messages[event["side"]].append({"role": event["role"], "content": event["text"]})
        elif kind == "worker_job" and event["state"] in ("cited", "unverified"):
            keys = ("citation", "document", "source", "place", "start", "end", "round", "job_id", "chunk_id")
            quote = {key: event.get(key) for key in keys}
            self._evidence.append({**quote, "verified": event["state"] == "cited"})
        elif kind in ("round", "egress", "usage", "started"):
            self._last[kind] = event
        elif kind == "finished":
            self.kind = event.get("kind")

    def result(self, status: str) -> Result:
        usage, egress, at = (self._last.get(kind, Event()) for kind in ("usage", "egress", "round"))
        keys = ("bytes", "other_bytes", "context_chars", "of_context_chars")
        return Result(
            {
                "final_answer": None,
                "status": status,
                "rounds": at.get("round", 0),
                "evidence": self._evidence,
                "egress": {key: egress.get(key, 0) for key in keys},
                "remote_usage": usage.get("remote") or {},
                "local_usage": usage.get("local") or {},
                "supervisor_messages": self._messages["supervisor"],
                "worker_messages": self._messages["worker"],
            }
        )

    def completed(self, result: dict[str, Any]) -> Result:
        """The result. Long documents in it are the caller's own, so that they are in memory once."""
        given = self._job["call_params"].get("context")
        log = result.get("conversation_log") or {}
        if given and log.get("context") == given:
            log["context"] = list(given)
        return Result(result)
