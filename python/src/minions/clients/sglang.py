"""A client type of the program."""

from __future__ import annotations

from minions.clients.shared import OwnServerClient


class SGLangClient(OwnServerClient):
    """The client type `sglang`: an SGLang server of one's own."""

    TYPE = "sglang"
