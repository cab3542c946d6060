"""Protocols that the original does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from minions.minions import Minions
from minions.protocol import Context, Path, Protocol, given_params

if TYPE_CHECKING:
    from minions.results import Result


class Auto(Minions):
    """The protocol `auto`: takes the cheapest of the others that can work; `result["routing"]` says which, and why.

    cost_sensitivity: `low`, `medium`, `high` or `uber`. escalate: ask the worker alone first, and check its answer.
    """

    TYPE = "auto"
    KWARGS = (*Minions.KWARGS, "cost_sensitivity", "escalate")


class _Alone(Protocol):
    def __call__(
        self,
        task: str,
        context: Context = None,
        doc_metadata: Optional[str] = None,
        logging_id: Optional[str] = None,
        log_path: Optional[str] = None,
        images: Union[str, Sequence[str], None] = None,
        *,
        files: Union[Path, Sequence[Path], None] = None,
        history: Any = None,
        read_scans: Optional[bool] = None,
        use_gitingest: Optional[bool] = None,
        budget: Optional[Mapping[str, float]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> Result:
        """Answers `task` and gives a `Result`; parameters as in `Minion`.

        Raises MinionsError where there is no answer, and JobInterrupted after Ctrl-C.
        """
        return self._call(given_params(locals()))


class LocalOnly(_Alone):
    """The protocol `local_only`: the worker answers alone, and nothing leaves this machine."""

    TYPE = "local_only"


class RemoteOnly(_Alone):
    """The protocol `remote_only`: the supervisor is sent the documents."""

    TYPE = "remote_only"
