"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient


class GeminiClient(BuiltInClient):
    """The client type `gemini`: Gemini."""

    TYPE = "gemini"

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        api_key: Optional[str] = None,
        structured_output_schema: Any = None,
        use_async: Optional[bool] = None,
        tool_calling: Optional[bool] = None,
        system_instruction: Any = None,
        use_openai_api: Optional[bool] = None,
        thinking_budget: Any = None,
        thinking_level: Any = None,
        url_context: Any = None,
        use_search: Optional[bool] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
