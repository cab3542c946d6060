"""What the tests share: a test case with a server, clients for it and a folder of its own."""

from __future__ import annotations

import os
import signal
import tempfile
import unittest
from typing import Any, Callable, Optional
from unittest import mock

from minions.clients import OllamaClient, OpenAIClient
from minions.minion import Minion
from minions.minions import Minions
from scripted import Server

# What a shell starts in the background ignores Ctrl-C, and so would all that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

LOG = "Log of the harbour of Brest.\nThe Aurora came in at noon with forty barrels.\nRain all day.\n"
TASK = "Which vessel came in?"


class Case(unittest.TestCase):
    """A server for both sides, at which clients look without being told."""

    supervise: Optional[Callable[[str], str]] = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.server = Server(type(self).supervise)
        self.addCleanup(self.server.__exit__)
        clean = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL", "_HOST"))}
        environment = {
            **clean,
            "OLLAMA_HOST": self.server.url,
            "OPENAI_BASE_URL": self.server.url + "/v1",
            "OPENAI_API_KEY": "sk-of-the-tests",
            "MINIONS_LOG_DIR": os.path.join(self.folder, "logs"),
            "HOME": self.folder,
            "PYTHONWARNINGS": "ignore",
        }
        patch = mock.patch.dict(os.environ, environment, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def sides(self) -> tuple[Any, Any]:
        return OllamaClient(model_name="llama3.2:3b"), OpenAIClient(model_name="gpt-4o")

    def minion(self, **options: Any) -> Minion:
        return Minion(*self.sides(), **options)

    def minions(self, **options: Any) -> Minions:
        return Minions(*self.sides(), **options)
