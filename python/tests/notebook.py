"""The notebook's code, with other words in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Mapping

NOTEBOOK = Path(__file__).resolve().parents[1] / "minions.ipynb"


def cells(words: Mapping[str, str]) -> list[str]:
    """The code of each cell. The first place of each of `words` is replaced; it has to be there."""
    code = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    for word, instead in words.items():
        number = next(number for number, text in enumerate(code) if word in text)
        code[number] = code[number].replace(word, instead, 1)
    return code
