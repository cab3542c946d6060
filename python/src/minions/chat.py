"""One reply of one model: the program's `minions chat`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from minions.errors import MinionsError, unknown
from minions.once import run_once

if TYPE_CHECKING:
    from minions.clients.base import BuiltInClient
    from minions.process import Stop

_PER_CALL = ("temperature", "max_tokens", "seed", "timeout", "structured_output_schema", "response_format")


def reply(
    client: BuiltInClient, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], stop: Stop
) -> dict[str, Any]:
    """What `client` replies: `text`, `finish`, `usage`, `client`, `egress`. Raises MinionsError and TypeError; `stop` ends it."""
    from minions.clients.base import OUTER, schema_of

    for name in options:
        if name not in _PER_CALL:
            raise TypeError(unknown("chat()", name, _PER_CALL))
    given = {name: value for name, value in options.items() if value is not None}
    if "structured_output_schema" in given and "response_format" in given:
        raise TypeError("chat() takes structured_output_schema or response_format, not both")
    spec = client.spec()
    kwargs = dict(spec.get("kwargs", {}))
    for name, value in given.items():
        (spec if name in OUTER else kwargs)[name] = value
    schema = kwargs.pop("structured_output_schema", None)
    wanted = kwargs.pop("response_format", None)
    if wanted is not None:
        schema = _schema_of_format(wanted)
    request: dict[str, Any] = {
        ("local_client" if client.IS_LOCAL else "remote_client"): {**spec, "kwargs": kwargs},
        "messages": [_message(message) for message in messages],
    }
    if schema is not None:
        request["schema"] = schema_of(schema)
    return run_once(["chat"], request, stop)


def _message(message: Any) -> dict[str, str]:
    if not isinstance(message, Mapping):
        raise TypeError(f"a message is a dict with role and content, not {message!r:.100}")
    others = [key for key in message if key not in ("role", "content") and message[key] is not None]
    if others or not isinstance(message.get("content"), str):
        raise MinionsError(
            f"a message has a role and a content that is a text, and no {', '.join(others) or 'other content'}",
            "input",
            "pictures go to the worker of a job: Minion(...)(images=[...])",
        )
    return {"role": message["role"], "content": message["content"]}


def _schema_of_format(wanted: Any) -> Any:
    """The schema that a response_format of OpenAI's dialect, or a schema in its place, asks for."""
    if isinstance(wanted, Mapping):
        if wanted.get("type") == "json_object":
            return {"type": "object"}
        if wanted.get("type") == "text":
            return None
        if wanted.get("type") == "json_schema":
            return wanted["json_schema"]["schema"]
    return wanted
