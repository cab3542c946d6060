"""What a job gives: the answer, where it stands, what left this machine, what it cost."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Optional

from minions.usage import Usage


class Evidence(dict[str, Any]):
    """A quote of the worker's, looked up in the documents: a dict with the keys of docs/envelope.md.

    start, end: characters of the document, counted from 0; end is the one after the last. None: it was not found.
    """

    @property
    def citation(self) -> str:
        """The worker's words."""
        return str(self["citation"])

    @property
    def verified(self) -> bool:
        """Whether the documents have these words at this place."""
        return bool(self["verified"])

    @property
    def source(self) -> str:
        """The document: its name, or its number from 0."""
        name, number = self.get("source"), self.get("document")
        return str(name) if name else "" if number is None else f"document {number}"

    @property
    def place(self) -> Optional[str]:
        """The place within the document, such as `p. 40`, where that is known."""
        return self.get("place")

    def where(self) -> str:
        """Source and place in one line."""
        place = self.place
        if not place and self.get("start") is not None:
            place = f"characters {self['start']} to {self['end']}"
        return " ".join(filter(None, (self.source, place)))

    def __repr__(self) -> str:
        return f'{"✓" if self.verified else "?"} {self.where()} "{_line(self.citation)}"'


class EvidenceList(list[Evidence]):
    """The quotes of a job, in the order in which they were found."""

    @property
    def verified(self) -> EvidenceList:
        """Those that the documents have."""
        return EvidenceList(quote for quote in self if quote.verified)

    def __repr__(self) -> str:
        return "\n".join(f"[{number}] {quote!r}" for number, quote in enumerate(self, 1)) or "no quotes"

    def _repr_html_(self) -> str:
        rows = ((("✓" if quote.verified else "?"), quote.where(), quote.citation) for quote in self)
        return _table(("", "where it stands", "the words"), rows, "no quotes")


class Egress(dict[str, Any]):
    """What left this machine: a dict with the keys of docs/envelope.md, numbers in bytes and characters."""

    @property
    def bytes(self) -> int:
        """Bytes of all requests."""
        return int(self.get("bytes", 0))

    @property
    def other_bytes(self) -> int:
        """Bytes of them besides the job's own words and our prompts, whatever they look like."""
        return int(self.get("other_bytes", 0))

    @property
    def context_chars(self) -> int:
        """Characters of the documents that were recognised in what left."""
        return int(self.get("context_chars", 0))

    @property
    def of_context_chars(self) -> int:
        """Characters of the documents."""
        return int(self.get("of_context_chars", 0))

    @property
    def share(self) -> float:
        """The part of the documents that left, from 0 to 1."""
        return self.context_chars / self.of_context_chars if self.of_context_chars else 0.0

    def __repr__(self) -> str:
        calls = self.get("calls")
        of_calls = "" if calls is None else f" in {_count(len(calls), 'remote call')}"
        return (
            f"{_short(self.bytes)} bytes left{of_calls}, {_short(self.other_bytes)} of them not the job's own words; "
            f"{100 * self.share:.1f}% of the documents' text ({self.context_chars} of {self.of_context_chars} characters)"
        )

    def _repr_html_(self) -> str:
        calls = self.get("calls") or []
        rows = (
            (call["side"], call["endpoint"], call["bytes"], call["context_chars"], (call["sha256"] or "")[:12], call["error"] or "")
            for call in calls
        )
        head = ("side", "server", "bytes", "characters of the documents", "SHA-256", "error")
        return f"<p>{escape(repr(self))}</p>" + _table(head, rows, "no remote call")


class Savings(dict[str, Any]):
    """Remote tokens against a run that had sent the documents, in tokens and, with prices, in dollars."""

    @property
    def saved_tokens(self) -> int:
        """Remote tokens that were not needed; below 0 for short documents."""
        return int(self.get("saved_tokens", 0))

    @property
    def ratio(self) -> float:
        """Tokens of the other run, divided by those of this one."""
        return float(self.get("ratio") or 0)

    @property
    def usd(self) -> Optional[float]:
        """Dollars of this job; None without prices."""
        return (self.get("usd") or {}).get("remote")

    def __repr__(self) -> str:
        cost = "" if self.usd is None else f"${self.usd:.4f}, "
        if self.saved_tokens > 0:
            return f"{cost}{_short(self.saved_tokens)} remote tokens saved ({self.ratio:.1f} times fewer)"
        return f"{cost}nothing saved: sending the documents would have taken {_short(-self.saved_tokens)} tokens less"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


class Result(dict[str, Any]):
    """What a job gave: a dict with the keys of docs/envelope.md; `print` shows the answer and its sources.

    `result["final_answer"]` and `result.final_answer` are the same; `local_usage` and `remote_usage` are `Usage`.
    """

    def __init__(self, value: Mapping[str, Any]) -> None:
        super().__init__(value)
        for side in ("local_usage", "remote_usage"):
            if side in self:
                self[side] = Usage.of(self[side])
        if "evidence" in self:
            self["evidence"] = EvidenceList(map(Evidence, self["evidence"]))
        for key, kind in (("egress", Egress), ("savings", Savings)):
            if isinstance(self.get(key), dict):
                self[key] = kind(self[key])

    @property
    def final_answer(self) -> Optional[str]:
        """The answer; None where the job was stopped before it had one."""
        return self.get("final_answer")

    @property
    def status(self) -> str:
        """`answered`, `partial`, `no_answer`, or `interrupted`."""
        return str(self.get("status"))

    @property
    def evidence(self) -> EvidenceList:
        """The quotes, each looked up in the documents. `minion` has none."""
        return self.get("evidence") or EvidenceList()

    @property
    def egress(self) -> Egress:
        """What left this machine."""
        return self.get("egress") or Egress()

    @property
    def savings(self) -> Savings:
        """Remote tokens against a run that had sent the documents."""
        return self.get("savings") or Savings()

    @property
    def local_usage(self) -> Usage:
        """Tokens of the worker."""
        return self.get("local_usage") or Usage()

    @property
    def remote_usage(self) -> Usage:
        """Tokens of the supervisor."""
        return self.get("remote_usage") or Usage()

    def _cost(self) -> str:
        remote, local = _short(self.remote_usage.total_tokens), _short(self.local_usage.total_tokens)
        usd = "" if self.savings.usd is None else f"${self.savings.usd:.4f} · "
        return f"{usd}{remote} remote tokens · {local} local · {100 * self.egress.share:.1f}% of the text left"

    def _told(self) -> str:
        return self.final_answer if self.final_answer is not None else f"no answer: the job was {self.status}"

    def __repr__(self) -> str:
        parts = [self._told(), repr(self.evidence) if self.evidence else "", self._cost()]
        if self.status != "answered":
            parts.insert(1, f"({self.status})")
        return "\n".join(filter(None, parts))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        answer = "<br>".join(escape(self._told()).split("\n"))
        status = "" if self.status == "answered" else f"<p><em>{escape(self.status)}</em></p>"
        evidence = self.evidence._repr_html_() if self.evidence else ""
        return f"<div><p><strong>{answer}</strong></p>{status}{evidence}<p><small>{escape(self._cost())}</small></p></div>"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]], none: str) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return f"<p>{none}</p>"
    return "<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + f"</tr>{body}</table>"


def escape(text: str) -> str:
    """`text` as HTML shows it."""
    # The module html takes longer to load than all of this one.
    for sign, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "#x27")):
        text = text.replace(sign, f"&{name};")
    return text


def _line(text: str) -> str:
    return " ".join(text.split())


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _short(number: int) -> str:
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"
