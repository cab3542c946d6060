"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class MoonshotClient(HostedClient):
    """The client type `moonshot`: Moonshot."""

    TYPE = "moonshot"
