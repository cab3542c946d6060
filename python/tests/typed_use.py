"""What callers write, for mypy alone: it must be typed as it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

from minions import Evidence, JobInterrupted, LocalOnly, Minion, Minions, MinionsError, OllamaClient, OpenAIClient, Result, Usage, VLLMClient
from minions.clients.groq import GroqClient
from minions.events import Event


def ask(report: Path) -> Optional[str]:
    """One job, its quotes and its cost."""
    minions = Minions(OllamaClient("llama3.2:3b", num_ctx=8192), OpenAIClient("gpt-4o"), prices={"input": 2.5, "output": 10})
    result: Result = minions("By how much?", context=[report, {"name": "note", "text": "x"}], budget={"usd": 0.5})
    quotes: list[Evidence] = [quote for quote in result.evidence if quote.verified]
    usage: Usage = result.local_usage + result.remote_usage
    dollars: Optional[float] = result.savings.usd
    print(quotes[0].where(), usage.total_tokens, dollars, result.egress.share)
    return result.final_answer


async def others(text: str) -> list[Union[Result, MinionsError]]:
    """Streams, beside a loop, many."""
    minion = Minion(OllamaClient(), OpenAIClient(), max_rounds=2)
    with minion.stream("Who?", [text]) as run:
        event: Event
        for event in run:
            print(event.type, event.t_ms)
    try:
        GroqClient("llama-3.3-70b", "key", 0.5).chat({"role": "user", "content": "Who?"}, timeout=60)
    except JobInterrupted as stopped:
        print(stopped.outcomes)
    print(await VLLMClient("m", port=8000).achat([{"role": "user", "content": "Who?"}]))
    answer = await LocalOnly(OllamaClient()).acall("Who?", text)
    print(answer.status)
    return minion.batch([{"task": "Who?", "context": text}])


def told_apart() -> None:
    """What is wrong is told: an ignore that nothing needs is an error, too."""
    OllamaClient(temperature="hot")  # type: ignore[arg-type]
    VLLMClient(port="8000")  # type: ignore[arg-type]
    GroqClient(3)  # type: ignore[arg-type]
