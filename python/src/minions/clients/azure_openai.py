"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient


class AzureOpenAIClient(BuiltInClient):
    """The client type `azure_openai`: Azure OpenAI; the model's name is that of the deployment."""

    TYPE = "azure_openai"
    EXTRA = ("endpoint", "azure_endpoint", "deployment", "azure_deployment", "api_version")

    def __init__(
        self,
        model_name: Optional[str] = None,
        api_key: Optional[str] = None,
        azure_endpoint: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
