"""A run of the program that has no events: one JSON value in, one envelope out."""

from __future__ import annotations

from typing import Any

from minions.errors import warn
from minions.json_pieces import pieces
from minions.process import Process, Stop
from minions.run import envelope_of, failure


def run_once(arguments: list[str], value: dict[str, Any], stop: Stop) -> dict[str, Any]:
    """The `result` of the envelope that `minions ARGUMENTS` prints for `value`. Raises MinionsError; `stop` ends it."""
    process = Process([*arguments, "--quiet"], pieces(value), has_events=False)
    try:
        stop.watch(process)
        while process.is_open:
            process.step()
    finally:
        exit_code = process.close()
    warn(process.warnings())
    out = b"".join(data for _, data in process.came)
    envelope = envelope_of(out, exit_code, process.stderr())
    if not envelope["success"]:
        raise failure(envelope["error"], None, exit_code)
    result: dict[str, Any] = envelope["result"]
    return result
