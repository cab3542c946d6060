"""Options as a repr shows them: without keys."""

from __future__ import annotations

from typing import Any, Mapping

_SECRET = {"key", "apikey", "token", "secret", "password", "authorization", "cookie", "credential", "credentials"}
"""Last words of names whose values are nobody's business."""
_ADDRESS = {"url", "host", "endpoint", "proxy"}


def shown(name: str, value: Any) -> Any:
    """`value` of the option `name`, with `...` for what is secret in it, all the way down."""
    word = name.lower().replace("-", "_").rsplit("_", 1)[-1]
    if word in _SECRET:
        return "..."
    if isinstance(value, Mapping):
        return {key: "..." if word == "headers" else shown(str(key), item) for key, item in value.items()}
    if word == "headers":
        return "..."
    if isinstance(value, (list, tuple)):
        return [shown(name, item) for item in value]
    if isinstance(value, str) and ("://" in value or word in _ADDRESS):
        return _address(value)
    return value


def _address(text: str) -> str:
    """An address without its user and its query, both of which may have a key."""
    scheme, found, rest = text.partition("://") if "://" in text else ("", "", text)
    _, at, place = rest.rpartition("@")
    place, asked, _ = place.partition("?")
    return f"{scheme}{found}{'...@' if at else ''}{place}{'?...' if asked else ''}"
