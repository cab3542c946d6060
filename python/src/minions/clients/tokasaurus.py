"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class TokasaurusClient(BuiltInClient):
    """The client type `tokasaurus`: a Tokasaurus server of one's own."""

    TYPE = "tokasaurus"
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        port: Optional[int] = None,
        capture_output: Any = None,
        base_url: Optional[Union[str, list[str]]] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
