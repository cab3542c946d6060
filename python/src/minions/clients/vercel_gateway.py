"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class VercelGatewayClient(BuiltInClient):
    """The client type `vercel_gateway`: Vercel's gateway."""

    TYPE = "vercel_gateway"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        provider_options: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
