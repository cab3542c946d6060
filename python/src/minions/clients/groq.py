"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class GroqClient(BuiltInClient):
    """The client type `groq`: Groq."""

    TYPE = "groq"

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        use_responses_api: Optional[bool] = None,
        local: Optional[bool] = None,
        tools: Any = None,
        reasoning_effort: Any = None,
        documents: Any = None,
        citation_options: Any = None,
        service_tier: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
