"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import OwnServerClient


class LlamaServerClient(OwnServerClient):
    """The client type `llama_server`: llama.cpp's own server (`llama-server`)."""

    TYPE = "llama_server"
