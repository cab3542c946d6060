"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class VLLMClient(BuiltInClient):
    """The client type `vllm`: a vLLM server of one's own."""

    TYPE = "vllm"
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
