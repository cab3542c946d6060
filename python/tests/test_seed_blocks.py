"""The original's own code runs with other names and addresses, and nothing else changed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import sys
import unittest
from pathlib import Path
from typing import Any

from minions.errors import MinionsError
from minions.usage import Usage
from support import Case

BLOCKS = dict(
    (name, code)
    for name, code in re.findall(r"^# --- (\w+)\n(.*?)(?=^# ---|\Z)", (Path(__file__).parent / "seed_blocks.py").read_text(), re.M | re.S)
)
OF_MINION = {"final_answer", "supervisor_messages", "worker_messages", "remote_usage", "local_usage", "log_file", "conversation_log", "timing"}
OF_MINIONS = {"final_answer", "meta", "log_file", "conversation_log", "timing", "local_usage", "remote_usage"}


class SeedBlocks(Case):
    def run_block(self, name: str, names: dict[str, str], **variables: Any) -> dict[str, Any]:
        code = BLOCKS[name]
        for word, instead in {"MODEL": "llama3.2:3b", "REMOTE": "gpt-4o", **names}.items():
            code = code.replace(f'"{word}"', repr(instead))
        exec(compile(code, name, "exec", dont_inherit=True), variables)
        return variables

    def test_all_blocks_are_here(self) -> None:
        self.assertEqual(list(BLOCKS), ["minion", "minions", "llama_cpp", "azure", "estimator"])

    def test_minion(self) -> None:
        output = self.run_block("minion", {})["output"]
        self.assertEqual(output["final_answer"], "The Aurora.")
        self.assertLessEqual(OF_MINION, set(output))
        usage = output["remote_usage"]
        self.assertEqual(usage.prompt_tokens, usage["prompt_tokens"])
        self.assertEqual((usage.get("total_tokens"), usage.to_dict()["prompt_tokens"]), (30, 20))
        self.assertTrue(os.path.exists(output["log_file"]))

    @unittest.skipIf(sys.version_info < (3, 10), "the original's `str | None` needs Python 3.10")
    @unittest.skipUnless(importlib.util.find_spec("pydantic"), "pydantic is missing; scripts/test-python.sh installs it")
    def test_minions(self) -> None:
        output = self.run_block("minions", {})["output"]
        self.assertEqual(output["final_answer"], "The Aurora.")
        self.assertLessEqual(OF_MINIONS, set(output))
        self.assertEqual(output["local_usage"].get("completion_tokens"), 5)
        (quote,) = output.evidence
        self.assertTrue(quote.verified)
        self.assertIn("Aurora", quote.citation)

    def test_azure(self) -> None:
        minion = self.run_block("azure", {"AZURE": self.server.url})["minion"]
        output = minion(task="Which vessel came in?", context=["The Aurora came in."], max_rounds=2)
        self.assertEqual(output["final_answer"], "The Aurora.")
        self.assertIn("your-api-key", self.server.authorizations)

    def test_llama_cpp(self) -> None:
        model = os.environ.get("MINIONS_TEST_MODEL", "")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                given = self.run_block("llama_cpp", {"GGUF": model or "models/x.gguf"})
            except MinionsError as error:
                # A program without the engine says what to do.
                self.assertIn("embedded", str(error))
                return
        # The small model of the tests may not come to an end by itself.
        self.assertIn(given["done_reasons"], (["stop"], ["length"]))
        self.assertIsInstance(given["usage"], Usage)
        self.assertTrue(out.getvalue().strip())

    def test_estimator(self) -> None:
        class Client:
            def chat(self, messages: Any) -> Any:
                return ["hello there"], Usage(32, 1)

        with contextlib.redirect_stdout(io.StringIO()) as out:
            given = self.run_block("estimator", {"ESTIMATED": "llama3.2"}, my_model_client=Client())
        self.assertGreater(given["tokens_per_second"], 0)
        self.assertIn("tokens/sec", out.getvalue())
