"""One of `minions.clients.alike`."""

from minions.clients.alike import SGLangClient as SGLangClient
