"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient


class TogetherClient(BuiltInClient):
    """The client type `together`: Together."""

    TYPE = "together"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
