"""One of `minions.clients.alike`."""

from minions.clients.alike import MoonshotClient as MoonshotClient
