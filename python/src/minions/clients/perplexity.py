"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import HostedClient


class PerplexityAIClient(HostedClient):
    """The client type `perplexity`: Perplexity."""

    TYPE = "perplexity"
