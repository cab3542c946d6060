"""The original's name of `minions.clients.llama_cpp`."""

from minions.clients.llama_cpp import LlamaCppClient

__all__ = ["LlamaCppClient"]
