"""The notebook runs from its first cell to its last: on a recording, and with a small real model as the worker."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import signal
import subprocess
import threading
import types
import unittest
from pathlib import Path
from typing import Any

from minions import JobInterrupted, MinionsError, OllamaClient
from notebook import NOTEBOOK, cells
from record_notebook import TAPE, supervisor
from support import Case

HAS_CLIENT = all(importlib.util.find_spec(name) for name in ("nbclient", "nbformat", "ipykernel", "pydantic"))
SERVER = Path(__file__).resolve().parents[2] / "tests/support/llama_server.py"


@unittest.skipUnless(HAS_CLIENT, "nbclient, ipykernel or pydantic is missing; scripts/test-python.sh installs them")
class Notebook(Case):
    def run_notebook(self, words: dict[str, str]) -> list[Any]:
        """What each cell of code shows."""
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(NOTEBOOK, 4)
        code = iter(cells(words))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = next(code)
        paths = os.pathsep.join([str(NOTEBOOK.parent / "src"), os.environ.get("PYTHONPATH", "")])
        os.environ["PYTHONPATH"] = paths
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": self.folder}}).execute()
        return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]

    def test_on_a_recording(self) -> None:
        # Nobody answers but the recording.
        os.environ.update(OLLAMA_HOST="http://127.0.0.1:9", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
        shown = self.run_notebook({"Minions(": f"Minions(replay={str(TAPE)!r}, "})
        text = "\n".join(str(output) for outputs in shown for output in outputs)
        self.assertIn("25 %: from 200 mg/dL on admission to 150 mg/dL on Day 5", text)
        evidence, quote, egress = shown[-5], shown[-4], shown[-3]
        self.assertEqual(evidence[0]["data"]["text/html"].count("✓"), 2)
        self.assertIn("Fasting blood glucose 200 mg/dL.", quote[0]["data"]["text/plain"])
        self.assertIn("remote call", egress[0]["data"]["text/html"])
        self.assertEqual(self.server.requests, [])

    @unittest.skipUnless(os.environ.get("MINIONS_TEST_MODEL"), "MINIONS_TEST_MODEL names a small GGUF model; scripts/test.sh sets it")
    def test_with_a_real_model_as_the_worker(self) -> None:
        # Whatever the model reads, the supervisor's part is played.
        replies = iter([supervisor(""), supervisor("200 mg/dL")])
        self.server.supervise = lambda _: next(replies)
        python = os.environ["MINIONS_TEST_PYTHON"]
        model = subprocess.Popen(
            [python, str(SERVER), os.environ["MINIONS_TEST_MODEL"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.addCleanup(lambda: (model.kill(), model.wait(), model.stdin.close(), model.stdout.close()))  # type: ignore[union-attr]
        url = model.stdout.readline().strip()  # type: ignore[union-attr]
        words = {
            "from minions.clients.ollama import OllamaClient": "from minions.clients.llama_server import LlamaServerClient as OllamaClient",
            'model_name="llama3.2:3b",': f'model_name="local", base_url={url!r}, max_tokens=128,',
            "max_rounds=2": "max_rounds=1",
            "quote = output.evidence[0]\ncontext[quote": "quote = {'start': 0, 'end': 9}\ncontext[quote",
        }
        shown = self.run_notebook(words)
        text = "\n".join(str(output) for outputs in shown for output in outputs)
        self.assertIn("25 %: from 200 mg/dL", text)
        # The model has read: its own tokens are counted.
        self.assertRegex(shown[-1][0]["data"]["text/plain"], r"Usage\(\d+ read, \d+ written\).*Usage\([1-9]\d+ read, \d+ written\)")


@unittest.skipUnless(importlib.util.find_spec("IPython"), "IPython is missing; scripts/test-python.sh installs it")
class Magic(Case):
    def setUp(self) -> None:
        super().setUp()
        from IPython.core.interactiveshell import InteractiveShell

        from traitlets.config import Config

        # It would write where the user's own history is.
        self.shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        if "minions" not in self.shell.extension_manager.loaded:
            self.shell.run_line_magic("load_ext", "minions")
        self.shell.user_ns["log"] = "The Aurora came in at noon."

    LINE = "--local ollama/llama3.2:3b --remote openai/gpt-4o --protocol minion --context log --to answer"

    def test_the_magic_asks_what_the_cell_says(self) -> None:
        result = self.shell.run_cell_magic("minions", self.LINE, "Which vessel came in?\n")
        self.assertEqual((result.final_answer, self.shell.user_ns["answer"]), ("The Aurora.", result))
        with self.assertRaisesRegex(MinionsError, "no variable nothing"):
            self.shell.run_cell_magic("minions", "--context nothing", "Who?")
        with self.assertRaisesRegex(MinionsError, "unrecognized arguments"):
            self.shell.run_cell_magic("minions", "--locl x", "Who?")

    def test_a_cell_that_is_stopped_has_no_earlier_answer(self) -> None:
        self.shell.user_ns["answer"] = "of another question"
        self.server.gate = threading.Event()
        self.addCleanup(self.server.gate.set)

        def stop() -> None:
            self.server.arrived.wait(30)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=stop).start()
        with contextlib.redirect_stdout(io.StringIO()) as shown, self.assertRaises(JobInterrupted) as caught:
            self.shell.run_cell_magic("minions", self.LINE, "Which vessel came in?\n")
        self.assertIs(self.shell.user_ns["answer"], caught.exception.result)
        self.assertIn("no answer: the job was interrupted", shown.getvalue())

    def test_nor_has_one_that_fails(self) -> None:
        self.shell.user_ns["answer"] = "of another question"
        with self.assertRaisesRegex(MinionsError, "call_params.task"):
            self.shell.run_cell_magic("minions", self.LINE, " ")
        self.assertNotEqual(self.shell.user_ns.get("answer"), "of another question")

    def test_only_a_client_s_variable_is_a_client(self) -> None:
        module = types.ModuleType("ollama")
        module.chat = lambda model: self.fail("the module was asked")  # type: ignore[attr-defined]
        mine = OllamaClient("llama3.2:3b")
        self.shell.user_ns.update(ollama=module, openai=types.ModuleType("openai"), mine=mine, text="ollama/llama3.2:3b")
        for local in ("ollama", "mine"):
            result = self.shell.run_cell_magic("minions", f"--local {local} --remote openai --protocol minion --context log", "Which?")
            self.assertEqual(result.final_answer, "The Aurora.")
        with self.assertRaisesRegex(MinionsError, "the variable text is no client"):
            self.shell.run_cell_magic("minions", "--local text --protocol local_only --context log", "Which?")
