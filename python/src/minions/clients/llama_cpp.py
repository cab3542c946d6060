"""A client type of the program."""

from __future__ import annotations

from typing import Any, Optional

from minions.clients.base import BuiltInClient
from minions.errors import MinionsError


class LlamaCppClient(BuiltInClient):
    """The client type `llama_cpp`: llama.cpp in the program itself, where it is built in.

    model_path: a GGUF file. n_gpu_layers: layers on the GPU, 0 for none, -1 for all. n_ctx: the window in tokens.
    kv_type: "q8_0" holds what was read in half of the room.
    """

    TYPE = "llama_cpp"
    IS_LOCAL = True
    EXTRA = ("n_ctx", "num_ctx", "n_gpu_layers", "chat_format", "n_threads", "kv_type")

    def __init__(
        self,
        model_path: Optional[str] = None,
        model_name: Optional[str] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        chat_format: Optional[str] = None,
        n_gpu_layers: Optional[int] = None,
        n_ctx: Optional[int] = None,
        verbose: Optional[bool] = None,
        model_repo_id: Optional[str] = None,
        model_file_pattern: Optional[str] = None,
        **options: Any,
    ) -> None:
        if model_repo_id is not None or model_file_pattern is not None:
            raise MinionsError(
                "no model is fetched from Hugging Face here",
                "input",
                f"hf download {model_repo_id or 'REPOSITORY'} --include '{model_file_pattern or '*.gguf'}' --local-dir models; "
                "then name the file in model_path",
            )
        given = locals()
        super().__init__({name: given[name] for name in given if not name.startswith("model_repo") and name != "model_file_pattern"})
