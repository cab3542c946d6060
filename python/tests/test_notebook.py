"""The notebook runs from its first cell to its last: on a recording, and with a small real model as the worker."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

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
    def test_the_magic_asks_what_the_cell_says(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        from traitlets.config import Config

        # It would write where the user's own history is.
        shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        shell.run_line_magic("load_ext", "minions")
        shell.user_ns["log"] = "The Aurora came in at noon."
        line = "--local ollama/llama3.2:3b --remote openai/gpt-4o --protocol minion --context log --to answer"
        result = shell.run_cell_magic("minions", line, "Which vessel came in?\n")
        self.assertEqual((result.final_answer, shell.user_ns["answer"]), ("The Aurora.", result))
        from minions import MinionsError

        with self.assertRaisesRegex(MinionsError, "no variable nothing"):
            shell.run_cell_magic("minions", "--context nothing", "Who?")
        with self.assertRaisesRegex(MinionsError, "unrecognized arguments"):
            shell.run_cell_magic("minions", "--locl x", "Who?")
