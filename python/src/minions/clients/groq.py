"""One of `minions.clients.alike`."""

from minions.clients.alike import GroqClient as GroqClient
