"""What all protocols have: two clients, and the ways to run a job with them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Iterable, Mapping, Optional, Sequence, Union

from minions.clients.base import BuiltInClient
from minions.errors import MinionsError, unknown

if TYPE_CHECKING:
    from minions.callbacks import Callback
    from minions.results import Result
    from minions.run import JobRun

Path = Union[str, "os.PathLike[str]"]
Context = Union[str, Path, Mapping[str, Any], Sequence[Union[str, Path, Mapping[str, Any]]], None]
"""Documents: texts; `pathlib.Path`s of files to read; dicts with `name` and `text`. One, or a list."""

_RUN = ("record", "replay", "max_egress_bytes", "max_egress_chars")
_JOB = ("budget", "metadata", "session")
_KWARGS = ("prompts", "prices", "rewrite")
SCHEMA_OF_MINIONS = {"explanation", "citation", "answer"}
"""The fields of a worker's reply in the protocol `minions`."""


class Protocol:
    """A protocol between a worker, which reads the documents, and a supervisor, which thinks.

    local_client, remote_client: clients of `minions.clients`, or objects of your own with a `chat` method.
    max_rounds: rounds at most, 1 to 1000. log_dir: the folder of the conversation logs.
    callback: is told of messages, `callback(role, message, is_final)`; what it raises ends the job. `batch` tells nobody.
    record, replay: a folder for the exchanges with the models. max_egress_bytes, max_egress_chars: a job fails before more
    leaves this machine. budget: a dict with `usd`, `remote_tokens`, `egress_bytes`, `egress_chars`, `deadline_s` (seconds).
    prices: dollars for a million remote tokens, `{"input": 2.5, "output": 10}`. metadata: a dict that the result repeats.
    session: the name of a conversation that outlives this process. Further options are those of docs/job.md's `protocol`.
    """

    TYPE: str = ""
    KWARGS: tuple[str, ...] = ()
    """Options of this protocol alone."""

    def __init__(
        self,
        local_client: Any = None,
        remote_client: Any = None,
        max_rounds: Optional[int] = None,
        callback: Optional[Callback] = None,
        log_dir: Optional[Path] = None,
        is_multi_turn: bool = False,
        max_history_turns: Optional[int] = None,
        **options: Any,
    ) -> None:
        for client in (local_client, remote_client):
            _check(client)
        known = (*_RUN, *_JOB, *_KWARGS, *self.KWARGS)
        for name in options:
            if name not in known:
                raise TypeError(unknown(type(self).__name__, name, known))
        self.local_client = local_client
        self.remote_client = remote_client
        self.max_rounds = max_rounds
        self.callback = callback
        self.log_dir = log_dir
        self.is_multi_turn = is_multi_turn
        self.max_history_turns = max_history_turns
        self.options = {name: value for name, value in options.items() if value is not None}
        self.conversation_history: Any = None
        """With is_multi_turn: what was said so far; None begins anew."""

    # How a job is run. Protocols give these names and docstrings of their own parameters.

    def _call(self, params: Mapping[str, Any]) -> Result:
        return self._run(params).to_end()

    def stream(self, *args: Any, **params: Any) -> JobRun:
        """As calling the protocol, but gives the job's events as they come: a `JobRun` to loop over.

        Its `result` is the result; leaving a `with` block, or `stop()`, ends the job, and so does letting go of it.
        """
        return self._run(self.params(*args, **params))

    async def acall(self, *args: Any, **params: Any) -> Result:
        """As calling the protocol, beside a running loop. A task that is cancelled ends its job first.

        `callback` is called in another thread.
        """
        from minions.beside import beside

        run = self.stream(*args, **params)
        return await beside(run.to_end, run.stop)

    async def astream(self, *args: Any, **params: Any) -> AsyncIterator[Any]:
        """As `stream`, beside a running loop: `async for event in ...`. A task that is cancelled ends its job first."""
        from minions.beside import beside

        run = self.stream(*args, **params)
        try:
            while True:
                event = await beside(lambda: next(run, None), run.stop)
                if event is None:
                    return
                yield event
        finally:
            await beside(run.close, run.stop)

    def batch(
        self, jobs: Iterable[Mapping[str, Any]], concurrency: Optional[int] = None
    ) -> list[Union[Result, MinionsError]]:
        """Runs many jobs side by side, with shared servers and caches.

        jobs: dicts of the parameters of a call, `[{"task": ..., "context": [...]}, ...]`.
        concurrency: jobs at the same time; None is the program's own choice.
        Gives a `Result` or a MinionsError for each, in their order. Raises JobInterrupted after Ctrl-C, with these outcomes.
        """
        from minions.batch import run_batch

        if self.callback is not None or self.is_multi_turn:
            what = "callback" if self.callback is not None else "is_multi_turn"
            problem = f"batch runs its jobs side by side, so it takes no {what}"
            raise MinionsError(problem, "input", f"take a {type(self).__name__} without {what}, or call it for each job")

        given = [self.params(**job) for job in jobs]
        with ExitStack() as opened:
            sides, failed = self._sides(opened)
            arguments = [] if concurrency is None else ["--max-jobs", str(concurrency)]
            outcomes = run_batch([self._job(sides, params) for params in given], [*self._arguments(), *arguments])
        for outcome in outcomes:
            if isinstance(outcome, MinionsError):
                outcome.__cause__ = failed()
        return outcomes

    def estimate(self, *args: Any, **params: Any) -> dict[str, Any]:
        """What a job would cost, without a call: a dict with tokens and, with prices, dollars (docs/command-line.md)."""
        from minions.once import run_once
        from minions.process import Stop

        with ExitStack() as opened:
            sides, _ = self._sides(opened)
            job = self._job(sides, self.params(*args, **params))
            return run_once(["run", *self._arguments(), "--dry-run"], job, Stop())

    def params(self, *args: Any, **params: Any) -> dict[str, Any]:
        """The parameters of a call, checked and by their names in a job. Raises TypeError for unknown ones."""
        import inspect

        return given_params(dict(inspect.signature(self.__call__).bind(*args, **params).arguments))

    def __call__(self, task: str) -> Result:
        """Answers `task`; each protocol has parameters of its own."""
        raise NotImplementedError

    # From parameters to a job.

    def _run(self, params: Mapping[str, Any]) -> JobRun:
        from minions.run import JobRun

        opened = ExitStack()
        try:
            sides, failed = self._sides(opened)
            job = self._job(sides, params)
            arguments = ["run", *self._arguments()]
        except BaseException:
            opened.close()
            raise

        def close() -> Optional[BaseException]:
            opened.close()
            return failed()

        teller = None
        if self.callback is not None:
            from minions.callbacks import Teller

            teller = Teller(self.callback)

        def done(result: Result) -> None:
            if self.is_multi_turn:
                self.conversation_history = result.get("conversation_history")
            if teller and result.status != "no_answer":
                teller.end(result.final_answer)

        return JobRun(job, arguments, close, teller.hear if teller else None, done)

    def _sides(self, opened: ExitStack) -> tuple[dict[str, Any], Callable[[], Optional[BaseException]]]:
        """Both clients as a job has them, and what a client of the caller's own has raised."""
        sides: dict[str, Any] = {}
        servers = []
        for name, client in (("local_client", self.local_client), ("remote_client", self.remote_client)):
            if client is None:
                continue
            if isinstance(client, BuiltInClient):
                sides[name] = self._fitting(client.spec())
                continue
            from minions.loopback import Loopback

            server = Loopback(client)
            opened.callback(server.close)
            servers.append(server)
            sides[name] = server.spec()
        return sides, lambda: next((server.failed for server in servers if server.failed), None)

    def _fitting(self, spec: dict[str, Any]) -> dict[str, Any]:
        return spec

    def _job(self, sides: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        params = dict(params)
        # What a call is given replaces the constructor's, also with {}.
        of_job = {name: params.pop(name, self.options.get(name)) for name in _JOB}
        kwargs = {name: self.options[name] for name in (*_KWARGS, *self.KWARGS) if name in self.options}
        if self.is_multi_turn:
            kwargs["is_multi_turn"] = True
            if self.conversation_history is not None:
                params.setdefault("history", self.conversation_history)
        if self.max_history_turns is not None:
            kwargs["max_history_turns"] = self.max_history_turns
        protocol: dict[str, Any] = {"type": self.TYPE}
        if self.max_rounds is not None:
            protocol["max_rounds"] = self.max_rounds
        if self.log_dir is not None:
            protocol["log_dir"] = path_of(self.log_dir)
        if kwargs:
            protocol["kwargs"] = kwargs
        job = {**sides, "protocol": protocol, "call_params": params}
        job.update({name: value for name, value in of_job.items() if value is not None})
        return job

    def _arguments(self) -> list[str]:
        given = [(name, self.options[name]) for name in _RUN if name in self.options]
        return [f"--{name.replace('_', '-')}={path_of(v) if name in _RUN[:2] else v}" for name, v in given]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.local_client!r}, {self.remote_client!r})"


def given_params(values: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a protocol's method was given, from its `locals()`: without None, with documents in place."""
    params = {name: value for name, value in values.items() if name not in ("self", "__class__") and value is not None}
    context, files = params.pop("context", None), params.pop("files", None)
    if context is not None:
        params["context"] = documents(context)
    if files is not None:
        one = isinstance(files, (str, os.PathLike))
        params["context_files"] = [path_of(file) for file in ([files] if one else files)]
    return params


def documents(context: Context) -> list[Any]:
    """The documents as a job has them."""
    is_one = isinstance(context, (str, os.PathLike, Mapping))
    items: Any = [context] if is_one else context
    return [_document(item) for item in items]


def _document(item: Any) -> Any:
    if isinstance(item, str):
        return item
    if isinstance(item, os.PathLike):
        return {"file": path_of(item)}
    if isinstance(item, Mapping):
        return dict(item)
    kind = type(item).__name__
    raise TypeError(f"a document is a text, a pathlib.Path, or a dict with name and text, not {kind}; decode bytes first")


def path_of(path: Any) -> str:
    """A path as JSON can carry it."""
    text = os.fspath(path)
    text = os.fsdecode(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MinionsError(
            f"the path {text!r} is not UTF-8, so no job can name it", "input", "rename it, or read it and pass the text"
        ) from None
    if "\0" in text:
        raise MinionsError(f"the path {text!r} has a NUL, as no file's has", "input", "name a file or folder that there is")
    return text


def _check(client: Any) -> None:
    if client is None or isinstance(client, BuiltInClient):
        return
    if isinstance(client, type):
        raise TypeError(f"{client.__name__} is a class; make a client of it, {client.__name__}(...)")
    if not callable(getattr(client, "chat", None)):
        raise TypeError(f"a client is one of minions.clients, or an object with a chat method, not {type(client).__name__}")

