"""Clients: a model on one side of a job, or by itself.

Each class of this package stands for a client type of the program; making one calls nothing. An object of your own with a
`chat` method is a side of a job as well, see `MinionsClient`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from minions.errors import MinionsError, unknown
from minions.usage import Usage

if TYPE_CHECKING:
    from minions.process import Stop

Messages = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""Messages such as `{"role": "user", "content": "Who signed?"}`, the last one to be answered; or one alone."""


class MinionsClient:
    """The base of clients of your own: whatever has this `chat` can be a side of a job.

    max_concurrency: how many threads may call `chat` at the same time in all jobs, 1 unless the class says otherwise.
    """

    max_concurrency: int = 1

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        verbose: Optional[bool] = None,
        **kwargs: Any,
    ) -> None:
        self.model_name = model_name
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.api_key = api_key
        self.base_url = base_url
        self.verbose = verbose
        self.kwargs = kwargs

    def chat(self, messages: Any, **kwargs: Any) -> Any:
        """Replies to `messages`: (texts, usage) or (texts, usage, reasons).

        messages: a list of `{"role", "content"}`. A parameter response_format, if chat has one, is the schema of a reply.
        texts: a list of one text. usage: anything with prompt_tokens and completion_tokens, as keys or attributes.
        reasons: why the replies ended, `["stop"]` or `["length"]`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no chat method of its own")


OUTER = ("model_name", "model_path", "port", "timeout")
"""Options that stand beside a client's `kwargs`."""
_SCHEMA = "structured_output_schema"
_COMMON = ("temperature", "max_tokens", "timeout", "seed", "retries", "max_concurrency", _SCHEMA)
_SERVERS = ("api_key", "base_url", "headers", "extra_headers", "default_headers", "thinking", "port")
_NO_EFFECT = ("verbose", "local", "use_async", "tool_calling")
_NAMES = {"api_token": "api_key", "hf_token": "api_key"}


class BuiltInClient(MinionsClient):
    """A client type of the program. Options are those of docs/providers.md; what is None is the program's own choice.

    temperature: 0 to 2. max_tokens: the longest reply in tokens; -1 is no limit. timeout: seconds of silence.
    seed: for sampling. retries: tries after the first failed one. max_concurrency: calls in flight at each server.
    structured_output_schema: a pydantic class or a dict with a JSON schema, for replies of `chat` and of the worker of
    `minion`. A keyword that the client type does not have is a TypeError; one of the original's that has no counterpart
    here is a MinionsWarning when it is used.
    """

    TYPE: str = ""
    IS_LOCAL: bool = False
    """Whether it is a server of one's own: `chat` then gives the reasons, too, as the original's does."""
    EXTRA: tuple[str, ...] = ()
    """Options besides those of every client."""

    def __init__(self, given: dict[str, Any]) -> None:
        options = given.pop("options", {})
        named = {name: value for name, value in given.items() if name not in ("self", "__class__")}
        known = [*_COMMON, *_NO_EFFECT, *self.EXTRA, *(_SERVERS if self.TYPE != "llama_cpp" else ())]
        for name in options:
            if name not in known:
                raise TypeError(unknown(type(self).__name__, name, [*named, *known]))
        self.options: dict[str, Any] = {
            _NAMES.get(name, name): value for name, value in {**named, **options}.items() if value is not None
        }

    @property
    def model_name(self) -> Optional[str]:  # type: ignore[override]
        """The model; None for the client type's own."""
        return self.options.get("model_name")

    def spec(self) -> dict[str, Any]:
        """The client as a job has it."""
        spec: dict[str, Any] = {"type": self.TYPE}
        kwargs: dict[str, Any] = {}
        for name, value in self.options.items():
            (spec if name in OUTER else kwargs)[name] = schema_of(value) if name == _SCHEMA else value
        return {**spec, "kwargs": kwargs} if kwargs else spec

    def chat(self, messages: Messages, **options: Any) -> Any:
        """Replies to `messages`: (texts, usage), and for servers of one's own, Together, and `local=True` (texts, usage, reasons).

        messages: a list of dicts with `role` (`system`, `user`, `assistant`) and `content`, a text.
        options: temperature, max_tokens, seed, timeout, structured_output_schema or response_format for this call alone.
        texts: a list of one text. usage: a `Usage`. reasons: `["stop"]`, or `["length"]` for a reply that was cut off.
        Raises MinionsError with the kind of the failure, and TypeError for another option.
        """
        from minions.process import Stop

        return self._replied(messages, options, Stop())

    async def achat(self, messages: Messages, **options: Any) -> Any:
        """As `chat`, beside a running loop. A task that is cancelled ends the call first."""
        from minions.beside import beside
        from minions.process import Stop

        stop = Stop()
        return await beside(lambda: self._replied(messages, options, stop), stop.ask)

    def _replied(self, messages: Messages, options: Mapping[str, Any], stop: Stop) -> Any:
        from minions.chat import reply

        told = reply(self, [messages] if isinstance(messages, Mapping) else list(messages), options, stop)
        texts, usage = [told["text"]], Usage.of(told["usage"])
        if self.IS_LOCAL or self.TYPE == "together" or self.options.get("local"):
            return texts, usage, ["stop" if told["finish"] == "stop" else "length"]
        return texts, usage

    def __repr__(self) -> str:
        from minions.clients.shown import shown

        options = ", ".join(f"{name}={shown(name, value)!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({options})"


class Absent(MinionsClient):
    """A client of the original that has no counterpart here."""

    INSTEAD: str = ""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise MinionsError(f"{type(self).__name__} has no counterpart here", "input", self.INSTEAD)


def schema_of(value: Any) -> Any:
    """A JSON schema: that of a pydantic class, or the dict that it is."""
    if isinstance(value, Mapping):
        return dict(value)
    make = getattr(value, "model_json_schema", None) or getattr(value, "schema", None)
    if not callable(make):
        raise TypeError(f"{_SCHEMA} is a pydantic class, or a dict with a JSON schema, not {value!r}")
    return make()

