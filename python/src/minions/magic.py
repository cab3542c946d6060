"""The cell magic of notebooks: `%load_ext minions`, then

    %%minions --local ollama/llama3.2:3b --remote openai/gpt-4o --file annual.pdf
    By how much did the operating margin change from 2022 to 2023?

The cell is the question. The result is shown, and is in `_` and, with `--to NAME`, in a variable; so is what there is when the
cell is stopped.
"""

from __future__ import annotations

import argparse
import shlex
from types import ModuleType
from typing import Any, NoReturn, Optional

from minions.clients.base import BuiltInClient
from minions.errors import JobInterrupted, MinionsError
from minions.results import Result


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MinionsError(f"%%minions: {message}", "input", self.format_usage().strip())


def _parser() -> _Parser:
    parser = _Parser(prog="%%minions", add_help=False, description=__doc__)
    parser.add_argument("--local", metavar="TYPE/MODEL", help="the worker, or a variable that holds a client")
    parser.add_argument("--remote", metavar="TYPE/MODEL", help="the supervisor, or a variable that holds a client")
    parser.add_argument("--protocol", default="minions", choices=("minions", "minion", "auto", "local_only", "remote_only"))
    parser.add_argument("--file", action="append", metavar="PATH", help="a file or folder to read; may be repeated")
    parser.add_argument("--context", metavar="NAME", help="a variable with a text, or a list of them")
    parser.add_argument("--metadata", metavar="TEXT", help="what the supervisor is told about the documents")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--replay", metavar="DIR", help="answer from a recording")
    parser.add_argument("--to", metavar="NAME", help="the variable that the result goes into")
    return parser


class NamedClient(BuiltInClient):
    """A client by the program's own name of it, such as `ollama/llama3.2:3b`."""

    def __init__(self, name: str) -> None:
        self.TYPE, _, model = name.partition("/")
        # The program knows its options, and there are none.
        self.options = {"model_path" if self.TYPE == "llama_cpp" else "model_name": model} if model else {}


def run_cell(line: str, cell: str, variables: dict[str, Any]) -> Result:
    """Asks what `cell` says with the options of `line`; what stops or fails is raised."""
    from minions import minion, minions, others

    given = _parser().parse_args(shlex.split(line))
    protocols: dict[str, Any] = {
        "minion": minion.Minion,
        "minions": minions.Minions,
        "auto": others.Auto,
        "local_only": others.LocalOnly,
        "remote_only": others.RemoteOnly,
    }
    options = {"replay": given.replay} if given.replay else {}
    sides = [_client(name, variables) for name in (given.local, given.remote)]
    protocol = protocols[given.protocol](*sides, max_rounds=given.rounds, **options)
    context = None if given.context is None else _variable(given.context, variables)
    if given.to:
        # No answer of an earlier question stays there.
        variables.pop(given.to, None)
    try:
        result: Result = protocol(cell.strip(), context=context, files=given.file, doc_metadata=given.metadata)
    except (JobInterrupted, MinionsError) as stopped:
        if given.to and stopped.result is not None:
            variables[given.to] = stopped.result
        raise
    if given.to:
        variables[given.to] = result
    return result


def _client(name: Optional[str], variables: dict[str, Any]) -> Any:
    if name is None:
        return None
    if name in variables:
        value = variables[name]
        if not isinstance(value, (type, ModuleType)) and callable(getattr(value, "chat", None)):
            return value
        # `import ollama` takes no client's name away.
        if name not in _types():
            kind = type(value).__name__
            problem = f"%%minions: the variable {name} is no client but of the type {kind}"
            raise MinionsError(problem, "input", "TYPE/MODEL names one")
    return NamedClient(name)


def _types() -> set[str]:
    from minions import clients

    return {getattr(getattr(clients, name), "TYPE", "") for name in clients._HOMES}


def _variable(name: str, variables: dict[str, Any]) -> Any:
    if name not in variables:
        raise MinionsError(f"%%minions: there is no variable {name}", "input", "--file reads a file")
    return variables[name]


def register(ipython: Any) -> None:
    """Adds `%%minions` to a running IPython."""

    def minions(line: str, cell: str) -> Result:
        try:
            return run_cell(line, cell, ipython.user_ns)
        except JobInterrupted as stopped:
            from importlib import import_module

            import_module("IPython.display").display(stopped.result)
            raise

    minions.__doc__ = __doc__
    ipython.register_magic_function(minions, "cell", "minions")
