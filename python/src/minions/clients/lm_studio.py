"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import OwnServerClient


class LMStudioClient(OwnServerClient):
    """The client type `lm_studio`: LM Studio's server."""

    TYPE = "lm_studio"
