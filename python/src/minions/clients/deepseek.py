"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class DeepSeekClient(BuiltInClient):
    """The client type `deepseek`: DeepSeek."""

    TYPE = "deepseek"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
