"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import OwnServerClient


class VLLMClient(OwnServerClient):
    """The client type `vllm`: a vLLM server of one's own."""

    TYPE = "vllm"
