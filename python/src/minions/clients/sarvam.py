"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class SarvamClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "its API speaks OpenAI's dialect: OpenAIClient(base_url=..., api_key=...), the client type openai"
