"""One of `minions.clients.alike`."""

from minions.clients.alike import MiniMaxClient as MiniMaxClient
