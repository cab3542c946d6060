"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class OpenRouterClient(BuiltInClient):
    """The client type `openrouter`: OpenRouter."""

    TYPE = "openrouter"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        site_url: Any = None,
        site_name: Any = None,
        verbosity: Any = None,
        use_responses_api: Optional[bool] = None,
        reasoning_effort: Any = None,
        reasoning_enabled: Any = None,
        reasoning_max_tokens: Any = None,
        fallback_models: Any = None,
        response_healing: Any = None,
        auto_router: Any = None,
        auto_router_models: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
