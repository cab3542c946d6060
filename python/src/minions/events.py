"""What happens in a job, as it happens."""

from __future__ import annotations

from typing import Any


class Event(dict[str, Any]):
    """One event: a dict with the fields of docs/events.md, which are attributes, too.

    type: its kind, such as `call`, `delta`, `message`, `worker_job`, `egress`, `finished`.
    seq: its number in the job, from 0. t_ms: milliseconds since the job began.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"an event of the type {self.get('type')} has no {name}") from None

    def __repr__(self) -> str:
        rest = {key: value for key, value in self.items() if key not in ("seq", "t_ms", "type", "job", "envelope")}
        fields = ", ".join(f"{key}={_short(value)}" for key, value in rest.items())
        return f"<{self.get('t_ms', 0) / 1000:.2f} s {self.get('type')}: {fields}>"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
