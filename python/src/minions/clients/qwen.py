"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class QwenClient(HostedClient):
    """The client type `qwen`: Qwen, at Alibaba's DashScope."""

    TYPE = "qwen"
