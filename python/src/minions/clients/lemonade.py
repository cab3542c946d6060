"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class LemonadeClient(BuiltInClient):
    """The client type `lemonade`: a Lemonade server of one's own."""

    TYPE = "lemonade"
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        structured_output_schema: Any = None,
        use_async: Optional[bool] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
