"""Keywords that several client types have in common, in the original's order."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class HostedClient(BuiltInClient):
    """A vendor's server, with a key."""

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


class OwnServerClient(BuiltInClient):
    """A server of one's own that speaks OpenAI's dialect."""

    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        port: Optional[int] = None,
        api_key: Optional[str] = None,
        structured_output_schema: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
