"""What a check finds: one line each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    OK = "ok"
    GUESS = "guess"
    LACKING = "lacking"
    """It can be used without; what is lost then is said."""
    WRONG = "wrong"
    """It cannot be used like this."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what that means."""

    check: str
    verdict: Verdict
    says: str
    wire: Mapping[str, Any] = field(default_factory=dict)
    """What `wire` of the entry needs because of it."""


def ok(check: str, says: str, **wire: Any) -> Finding:
    return Finding(check, Verdict.OK, says, wire)


def lacking(check: str, says: str, **wire: Any) -> Finding:
    return Finding(check, Verdict.LACKING, says, wire)


def wrong(check: str, says: str, **wire: Any) -> Finding:
    return Finding(check, Verdict.WRONG, says, wire)


def wire_of(findings: Iterable[Finding]) -> dict[str, Any]:
    """All that `wire` needs; later findings know better."""
    parts: dict[str, Any] = {}
    for finding in findings:
        parts |= finding.wire
    return parts


def is_usable(findings: Iterable[Finding]) -> bool:
    return all(finding.verdict is not Verdict.WRONG for finding in findings)
