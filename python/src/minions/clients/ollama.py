"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class OllamaClient(BuiltInClient):
    """The client type `ollama`: an Ollama daemon, which is started where none answers, and has a missing model pulled."""

    TYPE = "ollama"
    IS_LOCAL = True
    EXTRA = ("num_ctx", "keep_alive")

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        num_ctx: Optional[int] = None,
        structured_output_schema: Any = None,
        use_async: Optional[bool] = None,
        tool_calling: Optional[bool] = None,
        thinking: Optional[Union[bool, str]] = None,
        mcp_client: Any = None,
        max_tool_iterations: Any = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class OllamaTurboClient(OllamaClient):
    """The client type `ollama` at Ollama's own servers: the key is `api_key` or OLLAMA_API_KEY."""

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        host: str = "https://ollama.com",
        **options: Any,
    ) -> None:
        given = {"api_key": api_key, "base_url": host, **options}
        super().__init__(model_name, temperature, max_tokens, **given)
