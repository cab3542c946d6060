"""How fast a model would run on this machine: the program's `minions estimate`.

    python -m minions.utils.inference_estimator --model llama3.2 --tokens 1000 --describe
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any, Optional

from minions.binary import how_to_install
from minions.errors import MinionsError, warn
from minions.process import run_text
from minions.usage import Usage

_LINE = re.compile(r"([\d.]+) tok/s\s+ETA ([\d.]+)\s?s")


class InferenceEstimator:
    """An estimate for `model_name`: a GGUF file, a model of Ollama or Docker, or one of the original's names.

    is_quant, quant_bits: reckon as if its weights were quantised, to 4, 8 or 16 bits; without them they are as its file has
    them.
    """

    def __init__(self, model_name: str, is_quant: Optional[bool] = None, quant_bits: Optional[int] = None) -> None:
        self.model_name = model_name
        self.is_quant = is_quant
        self.quant_bits = quant_bits
        if is_quant is False and quant_bits not in (None, 16):
            warn([f"quant_bits={quant_bits} has no effect with is_quant=False"])
        self.factor = 1.0
        """What `calibrate` found: measured speed divided by estimated speed."""

    def estimate(self, n_tokens: int) -> tuple[float, float]:
        """(tokens per second, seconds for `n_tokens`). Raises MinionsError for a model that is not known."""
        found = _LINE.search(_estimate(self._arguments(n_tokens)))
        if found is None:
            raise MinionsError("minions estimate did not say how fast the model is", "defect", how_to_install())
        speed, seconds = float(found[1]), float(found[2])
        return speed * self.factor, seconds / self.factor

    def describe(self, n: int) -> str:
        """Machine, model and throughput for `n` tokens, as a text of some lines."""
        text = _estimate([*self._arguments(n), "--describe"])
        return text if self.factor == 1.0 else f"{text.rstrip()}\nCalibrated here: {self.factor:.2f} times that speed\n"

    def calibrate(self, model_client: Any, sample_tokens: int = 32, prompt: str = "Hello") -> tuple[float, float]:
        """Measures `model_client`, whatever has a `chat` method: (factor, tokens per second).

        sample_tokens: tokens that the reply is estimated for. Later estimates of this object have the factor in them.
        """
        expected = self.estimate(sample_tokens)[0] / self.factor
        began = time.perf_counter()
        replied = model_client.chat([{"role": "user", "content": prompt}])
        seconds = time.perf_counter() - began
        usage = replied[1][0] if isinstance(replied[1], (list, tuple)) else replied[1]
        written = Usage.of(usage).completion_tokens
        if written == 0:
            raise MinionsError("the client did not say how many tokens it wrote", "input", "let chat return them")
        measured = written / seconds
        self.factor = measured / expected
        return self.factor, measured

    def _arguments(self, tokens: int) -> list[str]:
        bits = 16 if self.is_quant is False else self.quant_bits
        quantised = ["--quant-bits", str(bits)] if bits is not None else ["--quantized"] if self.is_quant else []
        return ["--model", self.model_name, "--tokens", str(tokens), *quantised]


def _estimate(arguments: list[str]) -> str:
    try:
        return run_text(["estimate", *arguments], "minions estimate")
    except MinionsError as error:
        # It takes the word for the name of a job's file.
        if "subcommand 'estimate'" in error.message or "argument '--model'" in error.message:
            raise MinionsError(
                "this program has no `minions estimate`", "input", f"{how_to_install()}; or unset MINIONS_BINARY", 2
            ) from None
        raise


def main(arguments: list[str]) -> int:
    """`minions estimate` with `arguments`; gives the exit code."""
    try:
        sys.stdout.write(_estimate(arguments))
        return 0
    except MinionsError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
