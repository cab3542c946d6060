"""`callback(role, message, is_final)`: the events of a job in the order in which the original tells of them.

A side that begins to work is told with None, what it says with `{"role", "content"}`, and the worker's part of a round of
`minions` with the list of its `Job`s. The answer comes last, with is_final. What follows from a message is final, too,
when it is the synthesis that decides for an answer.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Optional

from minions.events import Event
from minions.jobs import Job, JobManifest, JobOutput

Callback = Callable[..., Any]

_ENDED = ("answered", "none", "lost")


class Teller:
    """Calls `callback` for events."""

    def __init__(self, callback: Callback) -> None:
        self._callback = callback
        self._at_work: Optional[str] = None
        self._synthesis: set[int] = set()
        self._jobs: dict[tuple[int, int], dict[str, Any]] = {}
        self._samples: list[str] = []
        self._tasks: dict[str, int] = {}

    def hear(self, event: Event) -> None:
        """Tells of `event`, if there is something to tell."""
        kind = event["type"]
        if kind == "call":
            self._call(event)
        elif kind == "message" and event["role"] == "assistant":
            self._said(event)
        elif kind == "worker_job":
            self._worker_job(event)
        elif kind in ("round", "finished"):
            self._end_round()

    def end(self, answer: Optional[str]) -> None:
        """Tells the answer, if there is one."""
        if answer is not None:
            self._callback("supervisor", {"role": "assistant", "content": answer}, is_final=True)

    def _call(self, event: Event) -> None:
        if event["purpose"] in ("read", "worker_job") or event["side"] not in ("supervisor", "worker"):
            return
        self._end_round()
        if event["purpose"] == "synthesis":
            self._synthesis.add(event["call"])
        # A call that is repeated begins nothing new.
        if self._at_work != event["side"]:
            self._begin(event["side"])

    def _begin(self, side: str) -> None:
        self._at_work = side
        self._callback(side, None, is_final=False)

    def _said(self, event: Event) -> None:
        if self._jobs and event["side"] == "worker":
            self._samples.append(event["text"])
            return
        self._at_work = None
        is_final = event.get("call") in self._synthesis and _decides(event["text"])
        self._callback(event["side"], {"role": "assistant", "content": event["text"]}, is_final=is_final)

    def _worker_job(self, event: Event) -> None:
        if not self._jobs:
            self._begin("worker")
        job = self._jobs.setdefault((event["index"], event["sample"]), {})
        job.update({key: value for key, value in event.items() if value is not None})
        if event["state"] in _ENDED:
            job["ended"] = event["state"]

    def _end_round(self) -> None:
        if not self._jobs:
            return
        jobs = [self._job(job) for job in self._jobs.values() if job.get("ended") in ("answered", "none")]
        self._jobs, self._samples, self._at_work = {}, [], None
        self._callback("worker", jobs, is_final=False)

    def _job(self, job: dict[str, Any]) -> Job:
        task = job.get("task", "")
        task_id = self._tasks.setdefault(task, len(self._tasks))
        manifest = JobManifest(None, task, None, job.get("chunk_id"), task_id, job.get("job_id"))
        answer, citation = job.get("answer"), job.get("citation")
        sample = next((text for text in self._samples if _is_of(text, answer, citation)), "")
        if sample:
            self._samples.remove(sample)
        explanation = _fields(sample).get("explanation")
        return Job(manifest, JobOutput(explanation, citation, answer), sample, job["ended"] == "answered")


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_of(text: str, answer: Optional[str], citation: Optional[str]) -> bool:
    fields = _fields(text)
    return fields.get("answer") == answer and (citation is None or fields.get("citation") == citation)


def _decides(text: str) -> bool:
    return _fields(text).get("decision") != "request_additional_info"
