"""One of `minions.clients.alike`."""

from minions.clients.alike import FireworksClient as FireworksClient
