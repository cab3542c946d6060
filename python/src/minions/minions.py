"""`minions`: the supervisor's program cuts the documents into small jobs, which copies of the worker do side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from minions.jobs import Job as Job
from minions.jobs import JobManifest as JobManifest
from minions.jobs import JobOutput as JobOutput
from minions.protocol import SCHEMA_OF_MINIONS, Context, Path, Protocol, given_params

if TYPE_CHECKING:
    from minions.results import Result


class Minions(Protocol):
    """The protocol `minions`, for long documents and many; each of its quotes is looked up in them.

    max_code_attempts: programs that the supervisor may try in one round. num_samples: replies to each worker job, which
    vote. worker_batch_size: worker calls in flight at each server. memo: a folder that keeps the worker's answers.
    The other options are those of `Protocol`. A client's structured_output_schema with the fields explanation, citation
    and answer is the protocol's own; it takes no other one.
    """

    TYPE = "minions"
    KWARGS: tuple[str, ...] = ("max_code_attempts", "num_samples", "worker_batch_size", "memo", "renew_memo")

    def __call__(
        self,
        task: str,
        doc_metadata: Optional[str] = None,
        context: Context = None,
        max_rounds: Optional[int] = None,
        max_jobs_per_round: Optional[int] = None,
        num_tasks_per_round: Optional[int] = None,
        num_samples_per_task: Optional[int] = None,
        mcp_tools_info: Optional[str] = None,
        use_retrieval: Union[str, bool, None] = None,
        log_path: Optional[str] = None,
        logging_id: Optional[str] = None,
        retrieval_model: Optional[str] = None,
        chunk_fn: Optional[str] = None,
        *,
        files: Union[Path, Sequence[Path], None] = None,
        history: Any = None,
        anytime: Optional[bool] = None,
        read_scans: Optional[bool] = None,
        use_gitingest: Optional[bool] = None,
        budget: Optional[Mapping[str, float]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> Result:
        """Answers `task` and gives a `Result`, a dict with the original's keys.

        doc_metadata: one or two sentences about the documents for the supervisor, which does not see them.
        context: documents, see `minions.protocol.Context`. files: paths of files and folders to read.
        max_jobs_per_round: 1 to 1,000,000. num_tasks_per_round: what the supervisor is advised not to exceed.
        num_samples_per_task: replies to each worker job, which vote. use_retrieval: "bm25" or "embedding".
        log_path: the log within the log folder. chunk_fn: `chunk_by_section`, `_page`, `_paragraph`, `_code`,
        `_function_and_class`. history: what was said before. anytime: whether the answer may come before the last
        worker job has ended; `unread_jobs` tells. budget, metadata: for this call alone.

        Raises MinionsError where there is no answer, and JobInterrupted after Ctrl-C; both have what there was by then.
        """
        return self._call(given_params(locals()))

    def _fitting(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The protocol sets the schema of the worker's replies itself; one that says the same is left out."""
        kwargs = dict(spec.get("kwargs", {}))
        schema = kwargs.get("structured_output_schema") or {}
        if set(schema.get("properties", ())) == SCHEMA_OF_MINIONS:
            del kwargs["structured_output_schema"]
        return {**spec, "kwargs": kwargs}
