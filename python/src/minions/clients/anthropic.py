"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient


class AnthropicClient(BuiltInClient):
    """The client type `anthropic`: Anthropic."""

    TYPE = "anthropic"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        use_web_search: Optional[bool] = None,
        include_search_queries: Any = None,
        use_caching: Optional[bool] = None,
        use_code_interpreter: Optional[bool] = None,
        use_thinking: Optional[bool] = None,
        thinking_budget_tokens: Any = None,
        use_adaptive_thinking: Optional[bool] = None,
        effort: Any = None,
        use_fast_mode: Optional[bool] = None,
        context_management_config: Any = None,
        use_strict_tools: Optional[bool] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
