"""What can go wrong, in words: what failed, where, and what to do next."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Iterable, Optional

if TYPE_CHECKING:
    from minions.results import Result


class MinionsWarning(UserWarning):
    """Something did not go as it should; the job went on."""


def warn(texts: Iterable[str]) -> None:
    """Warns of each of `texts`, at the line of the caller's own code."""
    import warnings

    for text in texts:
        if sys.version_info >= (3, 12):
            here = os.path.dirname(__file__)
            warnings.warn(text, MinionsWarning, skip_file_prefixes=(here,))
        else:
            warnings.warn(text, MinionsWarning, stacklevel=6)


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

    def __reduce__(self) -> tuple[type[MinionsError], tuple[str, str, Optional[str], Optional[int]]]:
        return type(self), (self.message, self.kind, self.hint, self.exit_code)


class JobInterrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop: the job has ended, and so has its process.

    result: what it had by then, a `Result` of the status `interrupted`: messages, evidence, what left, what it cost.
    """

    def __init__(self, result: Result) -> None:
        super().__init__("the job was stopped before it was done; .result has what there is")
        self.result = result
