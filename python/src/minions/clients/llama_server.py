"""One of `minions.clients.alike`."""

from minions.clients.alike import LlamaServerClient as LlamaServerClient
