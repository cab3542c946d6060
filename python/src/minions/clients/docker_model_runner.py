"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional, Union

from minions.clients.base import BuiltInClient


class DockerModelRunnerClient(BuiltInClient):
    """The client type `docker_model_runner`: Docker Model Runner, which is started, and has a missing model pulled."""

    TYPE = "docker_model_runner"
    IS_LOCAL = True
    EXTRA = ("num_ctx",)

    def __init__(
        self,
        model_name: Optional[str] = None,
        port: Optional[int] = None,
        timeout: Optional[float] = None,
        local: Optional[bool] = None,
        base_url: Optional[Union[str, list[str]]] = None,
        structured_output_schema: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(locals())
