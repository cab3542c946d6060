"""A job under way: the program's events one after the other, then its result, or why there is none."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator, Optional

from minions.errors import JobInterrupted, MinionsError, warn
from minions.events import Event
from minions.json_pieces import pieces
from minions.process import Lines, Process
from minions.results import Result

FINISHED = b'"type":"finished"'
_KINDS = {2: "input", 124: "deadline", 129: "hung_up", 130: "cancelled", 143: "terminated"}
"""Kinds of failures by exit code, for jobs that had no events."""


class JobRun:
    """A run of `job`. Iterating gives its events; `result` is there when they have ended.

    close: what is to be closed at its end, whatever ends it.
    """

    def __init__(
        self, job: dict[str, Any], arguments: list[str], close: Callable[[], Optional[BaseException]] = lambda: None
    ) -> None:
        self.job = job
        self.arguments = arguments
        self._close = close
        self._process: Optional[Process] = None
        self._seen = _Seen(job)
        self._is_stopped = False
        self._events: Optional[Iterator[Event]] = None
        self._result: Optional[Result] = None

    @property
    def result(self) -> Result:
        """The result, once the events have ended; runs what is left of the job."""
        for _ in self:
            pass
        if self._result is None:
            raise MinionsError("the job was not run to its end, so it has no result", "cancelled")
        return self._result

    def stop(self) -> None:
        """Asks the job to end, in any thread."""
        self._is_stopped = True
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """Ends the job now, if it has not ended."""
        events, self._events = self._events, iter(())
        if events is None:
            # It never began.
            self._close()
        elif hasattr(events, "close"):
            events.close()

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> JobRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        # A second loop goes on where the first one left off.
        if self._events is None:
            self._events = self._run()
        return self._events

    def partial(self, status: str = "interrupted") -> Result:
        """What there is so far."""
        return self._seen.result(status)

    def to_end(self, hear: Optional[Callable[[Event], None]]) -> Result:
        """Runs the job. What `hear` raises ends the job, and is raised then."""
        for event in self:
            if hear is None:
                continue
            try:
                hear(event)
            except BaseException as error:
                self.close()
                if isinstance(error, KeyboardInterrupt):
                    raise JobInterrupted(self.partial()) from None
                raise
        return self.result

    def _run(self) -> Iterator[Event]:
        out: list[bytes] = []
        lines = Lines(FINISHED)
        raised: Optional[BaseException] = None
        was_interrupted = False
        try:
            process = self._process = Process([*self.arguments, "--quiet"], pieces(self.job), has_events=True)
        except BaseException:
            self._close()
            raise
        if self._is_stopped:
            process.stop()
        try:
            while process.is_open:
                try:
                    came = process.step()
                except KeyboardInterrupt:
                    if was_interrupted:
                        raise
                    was_interrupted = True
                    process.stop()
                    continue
                for is_event, data in came:
                    if not is_event:
                        out.append(data)
                        continue
                    for line in lines.add(data):
                        event = _event(line)
                        self._seen.note(event)
                        yield event
        except KeyboardInterrupt:
            was_interrupted = True
        finally:
            exit_code = process.close()
            raised = self._close()
        warn(process.warnings())
        if was_interrupted:
            raise JobInterrupted(self.partial())
        self._result = self._concluded(b"".join(out), exit_code, process, raised)

    def _concluded(self, out: bytes, exit_code: int, process: Process, raised: Optional[BaseException]) -> Result:
        envelope = envelope_of(out, exit_code, process.stderr())
        if not envelope["success"]:
            error = failure(envelope["error"], self._seen.kind, exit_code)
            error.result = self.partial("failed")
            raise error from raised
        return self._seen.completed(envelope["result"])


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
    return MinionsError(message.rstrip(".") if hint else message, kind_of(kind, exit_code), hint or None, exit_code)


def kind_of(kind: Any, exit_code: Optional[int]) -> str:
    """The kind of a failure as an event has it, in a word; without one, by the exit code."""
    if isinstance(kind, dict):
        return ".".join(f"{key}.{value}" for key, value in kind.items())
    return _KINDS.get(exit_code or 0, "system") if kind is None else str(kind)


def _event(line: bytes) -> Event:
    if FINISHED in line[:200]:
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
