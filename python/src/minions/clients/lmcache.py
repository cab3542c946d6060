"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class LMCacheClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "start the model with `vllm serve` and LMCache, and take VLLMClient, the client type vllm"
