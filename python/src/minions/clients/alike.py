"""Clients whose constructors are alike, a row for each."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient

Address = Optional[Union[str, list[str]]]


class _OwnServer(BuiltInClient):
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Address = None,
        port: Optional[int] = None,
        api_key: Optional[str] = None,
        structured_output_schema: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class LlamaServerClient(_OwnServer):
    """The client type `llama_server`: llama.cpp's own server (`llama-server`)."""

    TYPE = "llama_server"


class LMStudioClient(_OwnServer):
    """The client type `lm_studio`: LM Studio's server."""

    TYPE = "lm_studio"


class SGLangClient(_OwnServer):
    """The client type `sglang`: an SGLang server of one's own."""

    TYPE = "sglang"


class VLLMClient(_OwnServer):
    """The client type `vllm`: a vLLM server of one's own."""

    TYPE = "vllm"


class _Hosted(BuiltInClient):
    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Address = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class DeepSeekClient(_Hosted):
    """The client type `deepseek`: DeepSeek."""

    TYPE = "deepseek"


class FireworksClient(_Hosted):
    """The client type `fireworks`: Fireworks."""

    TYPE = "fireworks"


class MiniMaxClient(_Hosted):
    """The client type `minimax`: MiniMax."""

    TYPE = "minimax"


class MoonshotClient(_Hosted):
    """The client type `moonshot`: Moonshot."""

    TYPE = "moonshot"


class PerplexityAIClient(_Hosted):
    """The client type `perplexity`: Perplexity."""

    TYPE = "perplexity"


class QwenClient(_Hosted):
    """The client type `qwen`: Qwen, at Alibaba's DashScope."""

    TYPE = "qwen"


class _OfResponses(BuiltInClient):
    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        base_url: Address = None,
        use_responses_api: Optional[bool] = None,
        local: Optional[bool] = None,
        tools: Any = None,
        reasoning_effort: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class OpenAIClient(_OfResponses):
    """The client type `openai`: OpenAI, and every server that speaks its dialect (`base_url`)."""

    TYPE = "openai"
    EXTRA = ("conversation_id", "service_tier", "verbosity", "compact_threshold", "zdr_enabled")


class GroqClient(_OfResponses):
    """The client type `groq`: Groq."""

    TYPE = "groq"
    EXTRA = ("documents", "citation_options", "service_tier")
