"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient


class HuggingFaceClient(BuiltInClient):
    """The client type `huggingface`: the router of Hugging Face."""

    TYPE = "huggingface"

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        api_token: Optional[str] = None,
        use_router: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
