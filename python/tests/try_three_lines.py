#!/usr/bin/env python3
"""Runs the three lines of python/README.md with another interpreter: `try_three_lines.py PYTHON`.

Models and their answers are a scripted server's; the document is a text. All else is what is installed there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripted import Server

README = Path(__file__).resolve().parents[1] / "README.md"


def main(python: str) -> None:
    lines = re.search(r"```python\n(.*?)```", README.read_text(), re.S)[1].replace("annual.pdf", "annual.txt")  # type: ignore[index]
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "annual.txt").write_text("Report of 2023.\nThe Aurora earned more than in 2022.\n")
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": folder,
            "OLLAMA_HOST": server.url,
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "OPENAI_API_KEY": "sk-of-the-trial",
        }
        done = subprocess.run([python, "-c", lines], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        sys.stdout.write(done.stdout)
        assert done.stdout.startswith("The Aurora.\n[1] ✓ annual.txt "), done.stdout
        assert os.listdir(folder), "the log is missing"


if __name__ == "__main__":
    main(*sys.argv[1:])
