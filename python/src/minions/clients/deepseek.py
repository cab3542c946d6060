"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class DeepSeekClient(HostedClient):
    """The client type `deepseek`: DeepSeek."""

    TYPE = "deepseek"
