"""Servers on Apple's machines."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import Absent, BuiltInClient


class MLXLMClient(BuiltInClient):
    """The client type `mlx_lm`: a server of mlx_lm (`mlx_lm.server`)."""

    TYPE = "mlx_lm"
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        verbose: Optional[bool] = None,
        use_async: Optional[bool] = None,
        enable_thinking: Optional[bool] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class MLXOmniClient(BuiltInClient):
    """The client type `mlx_omni`: a server of mlx-omni-server."""

    TYPE = "mlx_omni"
    IS_LOCAL = True

    def __init__(
        self,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        local: Optional[bool] = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())


class MLXAudioClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "speech is no part of this program"


class MLXParallmClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "start `mlx_lm.server`, and take MLXLMClient, the client type mlx_lm"
