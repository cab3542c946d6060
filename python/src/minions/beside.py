"""Work in another thread, beside a running loop."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import Any, Callable, TypeVar

from minions.errors import later, warn

T = TypeVar("T")


async def beside(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """What `work` gives, or raises. A task that is cancelled calls `stop`, and then waits for the end of `work`."""
    warnings: list[str] = []

    def held() -> T:
        later.set(warnings)
        return work()

    running: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(None, copy_context().run, held)
    running.add_done_callback(_is_read)
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([running])
        raise
    # Here the line that awaits can be told.
    warn(warnings)
    return running.result()


def _is_read(done: asyncio.Future[Any]) -> None:
    """Keeps asyncio from telling of what a cancelled task does not want to know."""
    if not done.cancelled():
        done.exception()
