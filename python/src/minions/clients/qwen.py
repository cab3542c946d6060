"""One of `minions.clients.alike`."""

from minions.clients.alike import QwenClient as QwenClient
