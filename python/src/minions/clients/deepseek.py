"""One of `minions.clients.alike`."""

from minions.clients.alike import DeepSeekClient as DeepSeekClient
