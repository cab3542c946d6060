"""One of `minions.clients.alike`."""

from minions.clients.alike import OpenAIClient as OpenAIClient
