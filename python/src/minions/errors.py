"""What can go wrong, in words: what failed, where, and what to do next."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence

if TYPE_CHECKING:
    from minions.results import Result


class MinionsWarning(UserWarning):
    """Something did not go as it should; the job went on."""


later: ContextVar[Optional[list[str]]] = ContextVar("later", default=None)
"""Where warnings of work in another thread wait for the one that it is done for."""


def warn(texts: Iterable[str]) -> None:
    """Warns of each of `texts`, at the line of the caller's own code."""
    held = later.get()
    if held is not None:
        held.extend(texts)
        return
    import warnings

    # The first frame that is not of this package.
    frame, level = sys._getframe(0), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "minions":
        frame, level = frame.f_back, level + 1
    for text in texts:
        warnings.warn(text, MinionsWarning, stacklevel=level)


def unknown(where: str, name: str, known: Sequence[str]) -> str:
    """That `where` has no option `name`, and which one was meant."""
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(set(known)))}"
    return f"{where} has no option {name!r}; {hint}"


class MinionsError(Exception):
    """A job, or a call, that has no answer.

    kind: a word for programs: `input`, `runtime`, `budget`, `protocol`, `sandbox`, `replay`, `deadline`, `cancelled`,
        `terminated`, `hung_up`, `system`, `defect`; a failed call to a model is `model.` and how, as in `model.timeout`.
    hint: what to do next; None where there is nothing to say.
    exit_code: the program's exit code; None where it was not started.
    result: what a job that was under way had by then, of the status `failed`.
    """

    def __init__(
        self, message: str, kind: str = "input", hint: Optional[str] = None, exit_code: Optional[int] = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.hint = hint
        self.exit_code = exit_code
        self.result: Optional[Result] = None

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.kind, self.hint, self.exit_code), dict(self.__dict__)


class JobInterrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop: the job has ended, and so has its process.

    result: what it had by then, a `Result` of the status `interrupted`: messages, evidence, what left, what it cost.
    outcomes: those of `batch`, a `Result` or a MinionsError for each job; its `result` is empty.
    """

    def __init__(self, result: Result, outcomes: Sequence[Any] = ()) -> None:
        where = ".outcomes" if outcomes else ".result"
        super().__init__(f"the job was stopped before it was done; {where} has what there is")
        self.result = result
        self.outcomes = list(outcomes)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.result, self.outcomes)
