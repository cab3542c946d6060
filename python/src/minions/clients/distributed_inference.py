"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class DistributedInferenceClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = (
        "name the nodes as several servers of one client: VLLMClient(base_url=[...]) or "
        "OllamaClient(base_url=[...])"
    )
