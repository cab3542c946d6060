"""Many jobs in one run of the program."""

from __future__ import annotations

import json
from typing import Any, Iterator, Sequence, Union

from minions.errors import JobInterrupted, MinionsError, warn
from minions.json_pieces import pieces
from minions.process import Lines, Process
from minions.results import Result
from minions.run import failure


def run_batch(jobs: Sequence[dict[str, Any]], arguments: list[str]) -> list[Union[Result, MinionsError]]:
    """The outcomes of `jobs`, in their order. Raises JobInterrupted after Ctrl-C, with a MinionsError for what is not done."""
    outcomes: list[Any] = [None] * len(jobs)
    lines = Lines()
    process = Process(["batch", *arguments, "--quiet"], _lines_of(jobs), has_events=False)
    try:
        for name, data in process.written():
            for line in lines.add(data) if name == "out" else ():
                number, outcome = _outcome(line)
                outcomes[number] = outcome
    except KeyboardInterrupt:
        process.was_interrupted = True
    finally:
        exit_code = process.close()
    warn(process.warnings())
    said = process.stderr().strip().splitlines()
    for number, outcome in enumerate(outcomes):
        if outcome is None:
            words = said[-1] if said else f"the program ended with {exit_code}"
            outcomes[number] = MinionsError(f"the job was not done: {words}", "cancelled", None, exit_code)
    if process.was_interrupted:
        raise JobInterrupted(Result({"status": "interrupted"}), outcomes)
    return outcomes


def _lines_of(jobs: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    for number, job in enumerate(jobs):
        yield from pieces({"custom_id": str(number), **job})
        yield b"\n"


def _outcome(line: bytes) -> tuple[int, Union[Result, MinionsError]]:
    envelope = json.loads(line)
    number = int(envelope["custom_id"])
    if envelope["success"]:
        return number, Result(envelope["result"])
    return number, failure(envelope["error"], None, None)
