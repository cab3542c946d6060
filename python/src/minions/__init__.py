"""Questions about long documents: a small model on this machine reads them, a frontier model thinks.

    from minions import Minions, OllamaClient, OpenAIClient
    ask = Minions(OllamaClient("llama3.2:3b"), OpenAIClient("gpt-4o"))
    print(ask("By how much did the operating margin change?", files=["annual.pdf"]))

The work is done by the program `minions`, which this package carries; a job is one run of it. Nothing is loaded before it
is used, and nothing besides Python's standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minions.clients import *  # noqa: F403
    from minions.errors import JobInterrupted as JobInterrupted
    from minions.errors import MinionsError as MinionsError
    from minions.errors import MinionsWarning as MinionsWarning
    from minions.events import Event as Event
    from minions.jobs import Job as Job
    from minions.jobs import JobManifest as JobManifest
    from minions.jobs import JobOutput as JobOutput
    from minions.minion import Minion as Minion
    from minions.minions import Minions as Minions
    from minions.others import Auto as Auto
    from minions.others import LocalOnly as LocalOnly
    from minions.others import RemoteOnly as RemoteOnly
    from minions.results import Egress as Egress
    from minions.results import Evidence as Evidence
    from minions.results import EvidenceList as EvidenceList
    from minions.results import Result as Result
    from minions.results import Savings as Savings
    from minions.usage import Usage as Usage

_HOMES = {
    "Auto": "others",
    "Egress": "results",
    "Event": "events",
    "Evidence": "results",
    "EvidenceList": "results",
    "Job": "jobs",
    "JobInterrupted": "errors",
    "JobManifest": "jobs",
    "JobOutput": "jobs",
    "LocalOnly": "others",
    "Minion": "minion",
    "Minions": "minions",
    "MinionsError": "errors",
    "MinionsWarning": "errors",
    "RemoteOnly": "others",
    "Result": "results",
    "Savings": "results",
    "Usage": "usage",
}

_MODULES = ("clients", "errors", "events", "jobs", "magic", "minion", "minions", "others", "results", "usage", "utils")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("minions")
    if name == "__all__":
        from minions import clients

        return sorted([*_HOMES, *clients._HOMES])
    if name in _MODULES:
        return import_module(f"minions.{name}")
    if name in _HOMES:
        return getattr(import_module(f"minions.{_HOMES[name]}"), name)
    if name.endswith("Client"):
        return getattr(import_module("minions.clients"), name)
    raise AttributeError(f"module 'minions' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__getattr__("__all__"), *_MODULES, "__version__"])


def load_ipython_extension(ipython: Any) -> None:
    """Adds the cell magic `%%minions`: `%load_ext minions`, see `minions.magic`."""
    from minions.magic import register

    register(ipython)
