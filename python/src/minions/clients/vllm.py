"""One of `minions.clients.alike`."""

from minions.clients.alike import VLLMClient as VLLMClient
