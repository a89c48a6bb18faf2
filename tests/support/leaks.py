"""Looking for secrets in what a run has written down, in every form that they may have there."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

_PIECE = 24
_PIECES = 8


@dataclass(frozen=True)
class Secret:
    """Something that must not be found; `needles` are the byte strings that would give it away."""

    name: str
    needles: frozenset[bytes]


@dataclass(frozen=True)
class Captured:
    """Something that was written down, and the names of secrets that have their place there."""

    source: str
    data: bytes
    allowed: Collection[str] = ()


def text(name: str, value: str) -> Secret:
    """A secret that is a text of at least eight characters."""
    assert len(value) >= 8, "a shorter one occurs by chance"
    return Secret(name, frozenset(_forms(value.encode())))


def literal(name: str, value: str) -> Secret:
    """A text that must not occur as it is."""
    return Secret(name, frozenset({value.encode()}))


def binary(name: str, data: bytes) -> Secret:
    """A file: pieces of its content, away from the headers that all files of its kind share."""
    assert len(data) >= 4 * _PIECE * _PIECES, "too small to be told from another file"
    first, last = len(data) // 8, len(data) - len(data) // 8 - _PIECE
    step = (last - first) // (_PIECES - 1)
    pieces = [data[at : at + _PIECE] for at in range(first, last + 1, step)]
    assert all(len(set(piece)) > _PIECE // 3 for piece in pieces), "not noisy enough to be told"
    return Secret(name, frozenset(form for piece in pieces for form in _forms(piece)))


def found(secrets: Iterable[Secret], captured: Iterable[Captured]) -> list[str]:
    """Where a secret is that should not be there: `NAME in SOURCE: what is around it`."""
    secrets = list(secrets)
    return [
        f"{secret.name} in {each.source}: {_around(each.data, needle)}"
        for each in captured
        for secret in secrets
        if secret.name not in each.allowed
        for needle in _first(secret, each.data)
    ]


def _first(secret: Secret, data: bytes) -> list[bytes]:
    return next(([needle] for needle in secret.needles if needle in data), [])


def _around(data: bytes, needle: bytes) -> str:
    at = data.index(needle)
    before = data[max(0, at - 120) : at].decode(errors="replace")
    return f"{before}[here, {len(needle)} bytes]".replace("\n", " ")


def _forms(value: bytes) -> Iterable[bytes]:
    """As it is, as Python and JSON write it, percent-encoded, in hexadecimal, and in base64 at each
    of the three places where it can begin."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    yield quote(value, safe="").encode()
    yield repr(value)[2:-1].encode()
    yield json.dumps(value.decode("latin-1"))[1:-1].encode()
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        for shift, edge in ((0, 0), (1, 2), (2, 3)):
            whole = (shift + len(value)) // 3 * 3 - shift
            yield alphabet(bytes(shift) + value[:whole])[edge:]


def as_text(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Rows of a table, one line each."""
    return "\n".join(json.dumps(row, default=str) for row in rows).encode()
