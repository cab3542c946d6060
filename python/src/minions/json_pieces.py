"""JSON in pieces, so that a long text is never copied as a whole."""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Iterator

_PIECE = 1 << 20
"""Characters of a text that are written at once."""


def pieces(value: Any) -> Iterator[bytes]:
    """`value` as JSON in UTF-8: dicts, lists, tuples, texts, numbers, True, False, None.

    Raises TypeError for what is none of these, and ValueError for a number that JSON does not have.
    """
    held: list[bytes] = []
    size = 0
    for piece in _parts(value):
        held.append(piece)
        size += len(piece)
        if size >= 1 << 16:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield from _text(value)
    elif isinstance(value, dict):
        between = b"{"
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of JSON is a text, not {key!r}")
            yield between
            yield from _text(key)
            yield b":"
            yield from _parts(item)
            between = b","
        yield b"}" if value else b"{}"
    elif isinstance(value, (list, tuple)):
        between = b"["
        for item in value:
            yield between
            yield from _parts(item)
            between = b","
        yield b"]" if value else b"[]"
    else:
        yield json.dumps(value, allow_nan=False).encode()


def _text(text: str) -> Iterator[bytes]:
    if len(text) <= _PIECE:
        yield _encoded(text)
        return
    yield b'"'
    for start in range(0, len(text), _PIECE):
        yield _encoded(text[start : start + _PIECE])[1:-1]
    yield b'"'


def _encoded(text: str) -> bytes:
    try:
        return encode_basestring(text).encode()
    except UnicodeEncodeError:
        # Half a character; the program reads it as U+FFFD, and warns.
        return encode_basestring_ascii(text).encode()
