"""One of `minions.clients.alike`."""

from minions.clients.alike import LMStudioClient as LMStudioClient
