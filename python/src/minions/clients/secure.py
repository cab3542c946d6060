"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class SecureClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = (
        "take OpenAIClient(base_url=\"https://...\"), the client type openai, over TLS to a server that "
        "you trust"
    )
