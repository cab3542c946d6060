"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class OsaurusClient(BuiltInClient):
    """The client type `osaurus`: an Osaurus server of one's own."""

    TYPE = "osaurus"
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        port: Optional[int] = None,
        local: Optional[bool] = None,
        tools: Any = None,
        tool_choice: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
