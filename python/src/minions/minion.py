"""`minion`: the supervisor asks, the worker, who has read the documents, answers, until it knows enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from minions.errors import MinionsError
from minions.protocol import Context, Path, Protocol, given_params

if TYPE_CHECKING:
    from minions.callbacks import Callback
    from minions.results import Result


class Minion(Protocol):
    """The protocol `minion`, a chat, for documents that fit into the worker's context window.

    mcp_client: the original's; none is taken here. The other options are those of `Protocol`.
    """

    TYPE = "minion"

    def __init__(
        self,
        local_client: Any = None,
        remote_client: Any = None,
        max_rounds: Optional[int] = None,
        callback: Optional[Callback] = None,
        log_dir: Optional[Path] = None,
        mcp_client: Any = None,
        is_multi_turn: bool = False,
        max_history_turns: Optional[int] = None,
        **options: Any,
    ) -> None:
        if mcp_client is not None:
            raise MinionsError("mcp_client is not taken: worker and supervisor talk without tools", "input", "leave it out")
        super().__init__(
            local_client, remote_client, max_rounds, callback, log_dir, is_multi_turn, max_history_turns, **options
        )

    def __call__(
        self,
        task: str,
        context: Context = None,
        max_rounds: Optional[int] = None,
        doc_metadata: Optional[str] = None,
        logging_id: Optional[str] = None,
        is_privacy: Optional[bool] = None,
        images: Union[str, Sequence[str], None] = None,
        is_follow_up: Optional[bool] = None,
        *,
        files: Union[Path, Sequence[Path], None] = None,
        history: Any = None,
        read_scans: Optional[bool] = None,
        use_gitingest: Optional[bool] = None,
        read_ahead: Optional[bool] = None,
        max_reply_chars: Optional[int] = None,
        budget: Optional[Mapping[str, float]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> Result:
        """Answers `task` and gives a `Result`, a dict with the original's keys.

        context: documents, see `minions.protocol.Context`. files: paths of files and folders to read.
        max_rounds: rounds of this call. doc_metadata: one or two sentences about the documents for the supervisor.
        logging_id: the log's name. images: paths, URLs or base64 of pictures for the worker.
        history: what was said before. budget, metadata: as in the constructor, for this call alone.

        Raises MinionsError where there is no answer, and JobInterrupted after Ctrl-C; both have what there was by then.
        """
        return self._call(given_params(locals()))
