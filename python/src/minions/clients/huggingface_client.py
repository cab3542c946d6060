"""The original's other name of `minions.clients.huggingface`."""

from minions.clients.huggingface import HuggingFaceClient

__all__ = ["HuggingFaceClient"]
