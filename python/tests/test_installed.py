"""What is installed: which program the module runs, how people are told to get it, what its tests are run with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from minions import binary
from minions.errors import MinionsError, MinionsWarning
from minions.utils.inference_estimator import InferenceEstimator
from support import LOG, TASK, Case

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/src/minions"


class Programs(Case):
    def put(self, place: str) -> str:
        """Another ELF file as the program there."""
        path = Path(self.folder, place, "minions")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)
        return str(path)

    def found_by(self, package: str) -> str:
        """The program that a package in the folder `package` runs, in an environment that has one of its own."""
        venv = Path(self.folder, "venv")
        if not venv.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
            self.put("venv/bin")
        folder = Path(self.folder, package)
        shutil.copytree(PACKAGE, folder / "minions", ignore=shutil.ignore_patterns("__pycache__"))
        environment = {name: value for name, value in os.environ.items() if name != "MINIONS_BINARY"}
        code = "from minions import binary, MinionsError\ntry:\n    print(binary.find())\nexcept MinionsError as error:\n    print(error)\n"
        done = subprocess.run(
            [str(venv / "bin/python"), "-B", "-c", code],
            env={**environment, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def test_the_program_is_the_package_s_own(self) -> None:
        for package, place in (("target", "target/bin"), ("prefix/lib/python3.9/site-packages", "prefix/bin")):
            with self.subTest(package=package):
                own = self.put(place)
                self.assertEqual(self.found_by(package), own)

    def test_a_package_without_its_own_takes_no_other_one(self) -> None:
        self.assertIn("is not where its package was installed", self.found_by("user/lib/python3.9/site-packages"))

    def test_a_source_tree_has_that_of_its_interpreter(self) -> None:
        self.assertEqual(self.found_by("checkout/src"), str(Path(self.folder, "venv/bin/minions")))

    def test_a_package_without_its_program_says_where_it_looked(self) -> None:
        os.environ.pop("MINIONS_BINARY")
        with mock.patch.object(binary, "_folders", lambda _: [self.folder]), mock.patch.object(binary, "_found", None):
            with self.assertRaises(MinionsError) as caught:
                self.minion()(TASK, [LOG])
        self.assertIn(f"looked at {self.folder}/minions", str(caught.exception))


class Words(unittest.TestCase):
    def test_nobody_is_sent_to_the_package_of_others(self) -> None:
        # The index has another project under this name.
        texts = [ROOT / "docs/python.md", ROOT / "python/README.md", ROOT / "README.md", *PACKAGE.rglob("*.py")]
        for path in texts:
            for line in path.read_text().splitlines():
                if re.search(r"pip install", line):
                    self.assertRegex(line, r"\*\.whl", path)
            self.assertNotIn("update the package", path.read_text())

    @unittest.skipIf("MINIONS_IN_SCRIPT" in os.environ, "the script is under test")
    def test_the_script_builds_the_program_that_it_tests(self) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            old = Path(folder, "debug/minions")
            old.parent.mkdir()
            old.touch()
            cargo = Path(folder, "cargo")
            cargo.write_text("#!/bin/sh\necho \"cargo $*\"\nexit 7\n")
            cargo.chmod(0o755)
            environment = {name: value for name, value in os.environ.items() if name != "MINIONS_BINARY"}
            environment.update(PATH=f"{folder}:{os.environ['PATH']}", CARGO_TARGET_DIR=folder, MINIONS_IN_SCRIPT="1")
            done = subprocess.run([str(ROOT / "scripts/test-python.sh")], env=environment, stdout=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stdout), (7, "cargo test --quiet --test it --no-run\n"))


class Estimates(unittest.TestCase):
    def asked(self, estimator: InferenceEstimator) -> list[str]:
        """The options that the program is given for the weights."""
        with mock.patch("minions.utils.inference_estimator.run_text", return_value="5.0 tok/s  ETA 1.0 s") as run:
            estimator.estimate(5)
        return list(run.call_args.args[0][5:])

    def test_weights_are_those_of_the_file_unless_told_otherwise(self) -> None:
        self.assertEqual(self.asked(InferenceEstimator("llama3.2")), [])
        self.assertEqual(self.asked(InferenceEstimator("llama3.2", quant_bits=8)), ["--quant-bits", "8"])
        self.assertEqual(self.asked(InferenceEstimator("llama3.2", True, 4)), ["--quant-bits", "4"])
        self.assertEqual(self.asked(InferenceEstimator("llama3.2", is_quant=True)), ["--quantized"])
        self.assertEqual(self.asked(InferenceEstimator("llama3.2", is_quant=False)), ["--quant-bits", "16"])

    def test_bits_that_have_no_effect_are_told(self) -> None:
        with self.assertWarnsRegex(MinionsWarning, "quant_bits=4 has no effect"):
            InferenceEstimator("llama3.2", is_quant=False, quant_bits=4)
