"""Faults of content: what is sent instead of a file's true bytes."""

from collections.abc import Callable

from local.simulator.faults.actions import (
    Action,
    Corrupted,
    ExpireDuringCopy,
    Oversized,
    Truncated,
    WrongLength,
)
from local.simulator.outgoing import Delivery


def tampered(data: bytes, action: Action | None, expire: Callable[[], None]) -> Delivery:
    """The delivery of `data` with the action's fault, if any; `expire` makes the job expire, and is
    called if the fault says so."""
    length = len(data)
    match action:
        case Truncated(share=share, how="connection"):
            return Delivery(data, cut_at=int(length * share))
        case Truncated(share=share):
            return Delivery(data[: int(length * share)])
        case Corrupted(where=where):
            return Delivery(_corrupted(data, where))
        case Oversized(extra_bytes=extra):
            return Delivery(data, padding=extra)
        case WrongLength(difference=difference) if difference >= 0:
            return Delivery(data, declared=length + difference, cut_at=length)
        case WrongLength(difference=difference):
            return Delivery(data[: max(0, length + difference)])
        case ExpireDuringCopy(share=share):
            return Delivery(data, cut_at=int(length * share), on_cut=expire)
        case _:
            return Delivery(data)


def _corrupted(data: bytes, where: str) -> bytes:
    """Invert some bytes: the head of the MP4's index, or the middle of its media."""
    at = data.find(b"moov") if where == "index" else (data.find(b"mdat") + len(data)) // 2
    at = max(0, at)
    wrong = bytes(byte ^ 0xFF for byte in data[at : at + 512])
    return data[:at] + wrong + data[at + len(wrong) :]
