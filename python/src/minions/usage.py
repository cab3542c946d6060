"""Tokens of one side of a job."""

from __future__ import annotations

from typing import Any, Mapping


class Usage(dict[str, int]):
    """Tokens, as the servers counted them: a dict that has its keys as attributes, too.

    prompt_tokens, completion_tokens: read and written; their sum is total_tokens.
    cached_prompt_tokens: those of the prompts that a server took from its cache; seen_prompt_tokens are the same.
    new_prompt_tokens: prompt tokens without the seen ones.
    """

    def __init__(
        self,
        completion_tokens: int = 0,
        prompt_tokens: int = 0,
        cached_prompt_tokens: int = 0,
        seen_prompt_tokens: int = 0,
    ) -> None:
        super().__init__(
            completion_tokens=completion_tokens,
            prompt_tokens=prompt_tokens,
            total_tokens=completion_tokens + prompt_tokens,
            cached_prompt_tokens=cached_prompt_tokens,
            seen_prompt_tokens=seen_prompt_tokens,
            new_prompt_tokens=prompt_tokens - seen_prompt_tokens,
        )

    @classmethod
    def of(cls, value: Any) -> Usage:
        """The usage that `value` has in its keys or its attributes; what it lacks is 0."""
        if isinstance(value, cls):
            return value

        def get(name: str) -> int:
            found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
            return int(found or 0)

        return cls(*(get(name) for name in _GIVEN))

    @property
    def completion_tokens(self) -> int:
        return self["completion_tokens"]

    @property
    def prompt_tokens(self) -> int:
        return self["prompt_tokens"]

    @property
    def total_tokens(self) -> int:
        return self["total_tokens"]

    @property
    def cached_prompt_tokens(self) -> int:
        return self["cached_prompt_tokens"]

    @property
    def seen_prompt_tokens(self) -> int:
        return self["seen_prompt_tokens"]

    @property
    def new_prompt_tokens(self) -> int:
        return self["new_prompt_tokens"]

    def to_dict(self) -> dict[str, int]:
        """A plain dict of it."""
        return dict(self)

    def __add__(self, other: Mapping[str, int]) -> Usage:
        one, two = self, Usage.of(other)
        return Usage(*(one[name] + two[name] for name in _GIVEN))

    def __repr__(self) -> str:
        return f"Usage({self.prompt_tokens} read, {self.completion_tokens} written)"


_GIVEN = ("completion_tokens", "prompt_tokens", "cached_prompt_tokens", "seen_prompt_tokens")
