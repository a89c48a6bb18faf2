"""What was found, for people and for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from local.upstream_check.findings import Finding, Verdict, is_usable
from local.upstream_check.promises import Promise


def line(name: str, verdict: str, says: str) -> str:
    """One finding, in one line whatever the server sent."""
    return f"{name:<16}{verdict:<9}{' '.join(says.split())}"


def of_finding(finding: Finding) -> str:
    return line(finding.check, finding.verdict, finding.says)


def of_promise(promise: Promise) -> str:
    return line(promise.name, "holds" if promise.holds else "lacking", promise.says)


def closing(
    findings: Sequence[Finding], held: Sequence[Promise], entry: Mapping[str, Any]
) -> list[str]:
    """All that follows the findings: promises, entry, and what to do."""
    to_do = _to_do(entry, guessed=any(each.verdict is Verdict.GUESS for each in findings))
    bad = [finding.check for finding in findings if finding.verdict is Verdict.WRONG]
    return [
        "",
        "What holds there",
        *map(of_promise, held),
        "",
        "Entry of UPSTREAMS",
        json.dumps(entry, indent=2),
        "",
        *(f"Before you use it: {what}." for what in to_do),
        f"It cannot be used like this: {', '.join(bad)}." if bad else "It can be used.",
    ]


def as_json(
    url: str, findings: Sequence[Finding], held: Sequence[Promise], entry: Mapping[str, Any]
) -> str:
    """The same as one JSON object."""
    report = {
        "url": url,
        "usable": is_usable(findings),
        "findings": [asdict(finding) for finding in findings],
        "promises": [asdict(promise) for promise in held],
        "entry": entry,
    }
    return json.dumps(report, indent=2)


def _to_do(entry: Mapping[str, Any], *, guessed: bool) -> list[str]:
    found = []
    if guessed:
        found.append("the profile is a guess; --profile names another")
    if "prices" in entry:
        found.append("prices is a placeholder: put in what a second costs you, and a version")
    if "capabilities" in entry:
        found.append("capabilities lists what was tried or guessed: put in what your model takes")
    if entry["auth"]["type"] == "header":
        found.append(f"the app needs the key in its setting {entry['auth']['secret_setting']}")
    return found
