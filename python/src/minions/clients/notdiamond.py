"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class NotDiamondAIClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "the protocol Auto chooses by cost; or OpenRouterClient, the client type openrouter"
