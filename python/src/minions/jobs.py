"""Worker jobs of the protocol `minions`, as callbacks are given them."""

from __future__ import annotations

from typing import Any, Optional


class _Plain:
    __slots__: tuple[str, ...] = ()

    def model_dump(self) -> dict[str, Any]:
        """A dict of it, all the way down."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.model_dump() if isinstance(value, _Plain) else value for name, value in values.items()}

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


class JobManifest(_Plain):
    """What a worker is to do: one task on one chunk. The numbers count from 0 within the round.

    chunk: where its text stays, None: events leave documents out.
    """

    __slots__ = ("chunk", "task", "advice", "chunk_id", "task_id", "job_id")

    def __init__(
        self,
        chunk: Optional[str],
        task: str,
        advice: Optional[str],
        chunk_id: Optional[int] = None,
        task_id: Optional[int] = None,
        job_id: Optional[int] = None,
    ) -> None:
        self.chunk, self.task, self.advice = chunk, task, advice
        self.chunk_id, self.task_id, self.job_id = chunk_id, task_id, job_id


class JobOutput(_Plain):
    """What the worker made of it; answer and citation are None where the chunk has none."""

    __slots__ = ("explanation", "citation", "answer")

    def __init__(self, explanation: Optional[str], citation: Optional[str], answer: Optional[str]) -> None:
        self.explanation, self.citation, self.answer = explanation, citation, answer


class Job(_Plain):
    """A worker job that has ended. include: whether it found something. sample: the worker's reply, word by word."""

    __slots__ = ("manifest", "output", "sample", "include")

    def __init__(
        self, manifest: JobManifest, output: JobOutput, sample: str = "", include: Optional[bool] = None
    ) -> None:
        self.manifest, self.output, self.sample, self.include = manifest, output, sample, include
