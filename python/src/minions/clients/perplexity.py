"""One of `minions.clients.alike`."""

from minions.clients.alike import PerplexityAIClient as PerplexityAIClient
