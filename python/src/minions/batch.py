"""Many jobs in one run of the program."""

from __future__ import annotations

import json
from typing import Any, Iterator, Sequence, Union

from minions.errors import MinionsError, warn
from minions.json_pieces import pieces
from minions.process import Lines, Process
from minions.results import Result
from minions.run import FINISHED, failure, kind_of


def run_batch(jobs: Sequence[dict[str, Any]], arguments: list[str]) -> list[Union[Result, MinionsError]]:
    """The outcomes of `jobs`, in their order. Ctrl-C ends the batch; what is not done then is a MinionsError."""
    outcomes: list[Any] = [None] * len(jobs)
    # Only events tell of which kind a failure is; a job without them never began.
    kinds: dict[int, str] = {}
    lines, events = Lines(), Lines()
    process = Process(["batch", *arguments, "--quiet"], _lines_of(jobs), has_events=True)
    try:
        while process.is_open:
            try:
                came = process.step()
            except KeyboardInterrupt:
                process.stop()
                continue
            for is_event, data in came:
                if is_event:
                    kinds.update(_kinds(events.add(data)))
                    continue
                for line in lines.add(data):
                    number, outcome = _outcome(line)
                    outcomes[number] = outcome
    finally:
        exit_code = process.close()
    warn(process.warnings())
    said = process.stderr().strip().splitlines()
    for number, outcome in enumerate(outcomes):
        if outcome is None:
            words = said[-1] if said else f"the program ended with {exit_code}"
            outcomes[number] = MinionsError(f"the job was not done: {words}", "cancelled", None, exit_code)
        elif isinstance(outcome, MinionsError):
            outcome.kind = kinds.get(number, "input")
    return outcomes


def _kinds(events: Iterator[bytes]) -> Iterator[tuple[int, str]]:
    """The kinds of the failures that `events` tell of, by the numbers of the jobs."""
    for line in events:
        if FINISHED in line[:200]:
            event = json.loads(line)
            if not event["success"]:
                yield int(event["job"]), kind_of(event.get("kind"), None)


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
