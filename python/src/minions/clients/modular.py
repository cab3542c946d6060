"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class ModularClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "start `max serve`, and take OpenAIClient(base_url=...), the client type openai"
