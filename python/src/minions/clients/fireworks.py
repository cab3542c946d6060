"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class FireworksClient(HostedClient):
    """The client type `fireworks`: Fireworks."""

    TYPE = "fireworks"
