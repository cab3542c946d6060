"""Calls of a client of the caller's own: how many at the same time, and the loop of those that are coroutines."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from typing import Any, Optional
from weakref import WeakValueDictionary


class Turns:
    """`with` it: one of the calls of `client` that are allowed at the same time, whatever job it is for."""

    def __init__(self, client: Any, limit: int) -> None:
        # Kept, so that no other object gets its id.
        self._client = client
        self._slots = threading.BoundedSemaphore(limit)

    def __enter__(self) -> None:
        self._slots.acquire()

    def __exit__(self, *_: object) -> None:
        self._slots.release()


_lock = threading.Lock()
_turns: WeakValueDictionary[tuple[int, int], Turns] = WeakValueDictionary()
_loop: Optional[asyncio.AbstractEventLoop] = None


def turns_of(client: Any, limit: int) -> Turns:
    """The turns of `client`, the same for all who hold them."""
    with _lock:
        # A client need not have a hash.
        return _turns.setdefault((id(client), limit), Turns(client, limit))


def begin(reply: Any) -> Future[Any]:
    """Awaits `reply` in the one loop of all such clients, which lives on: connections that they keep belong to it."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="minions-coroutines", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(_awaited(reply), _loop)


async def _awaited(reply: Any) -> Any:
    return await reply


def _forget() -> None:
    # A fork has neither the loop's thread nor those that hold turns.
    global _lock, _loop
    _lock, _loop = threading.Lock(), None
    _turns.clear()


os.register_at_fork(after_in_child=_forget)
