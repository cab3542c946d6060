"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class MiniMaxClient(HostedClient):
    """The client type `minimax`: MiniMax."""

    TYPE = "minimax"
