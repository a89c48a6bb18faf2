"""The audit: recomputes the money from raw rows. Does every video balance, and every total?

It shares no code with what it judges, not even how keys are made: rows in, sentences out. The
rules:

- An attempt to render begins with one `reserve` and ends with one `settle` or `release`; an
  `unknown` may come between them, or last. Its changes add up to its last entry.
- A video that has ended has no reserved money, and its row agrees with the ledger.
- Reserved money belongs to a video with a row in `work`.
- Each total is the sum of its entries of the month, in money and in open reservations.
- What the videos of a batch hold and have cost is at most its budget, but for what upstreams
  settled above the reservation.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TextIO

Row = Mapping[str, Any]

STATES = ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd")
ENDED = ("completed", "failed", "cancelled")
_CLOSING = {"settle", "release"}
_MOVED = "moved_to_successor"
"""A reservation in place of the one before: its video moved to the successor of its model."""
_LEGAL = (
    {"reserve"},
    {"reserve", "settle"},
    {"reserve", "release"},
    {"reserve", "unknown"},
    {"reserve", "unknown", "settle"},
    {"reserve", "unknown", "release"},
)
CSV_COLUMNS = (
    "day", "at", "video_id", "caller", "batch", "model", "deployment", "attempt", "kind",
    "amount_usd", "reserved_change_usd", "settled_change_usd", "unknown_change_usd",
    "price_version", "basis", "rendered_by",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """The rows of the tables `ledger`, `videos`, `work` and `batches`."""

    ledger: list[Row]
    videos: list[Row]
    work: list[Row]
    batches: list[Row] = field(default_factory=list)

    @property
    def entries(self) -> list[Row]:
        return [row for row in self.ledger if str(row["RowKey"]).startswith("e_")]

    @property
    def totals(self) -> list[Row]:
        return [row for row in self.ledger if str(row["RowKey"]).startswith("t_")]


def breaches(account: Account) -> list[str]:
    """Everything that does not balance; only an empty list is a pass."""
    attempts: dict[tuple[str, int], list[Row]] = {}
    for entry in account.entries:
        attempts.setdefault((entry["video_id"], entry["attempt"]), []).append(entry)
    stories = [breach for key, story in attempts.items() for breach in _story(key, story)]
    books = _batches(account, attempts)
    return [*stories, *_videos(account, attempts), *_totals(account), *books]


def _story(key: tuple[str, int], story: list[Row]) -> Iterator[str]:
    """Is one attempt complete, and does it add up?"""
    name = f"{key[0]} attempt {key[1]}"
    kinds = [entry["kind"] for entry in story]
    if set(kinds) not in _LEGAL or len(kinds) != len(set(kinds)):
        yield f"{name}: entries {sorted(kinds)}"
        return
    amount = {entry["kind"]: entry["amount_micro_usd"] for entry in story}
    if min(amount.values()) < 0:
        yield f"{name}: a negative amount {amount}"
    expected = (0, 0, 0)
    if not _CLOSING & set(kinds):
        expected = (0, 0, amount["unknown"]) if "unknown" in kinds else (amount["reserve"], 0, 0)
    elif "settle" in kinds:
        expected = (0, amount["settle"], 0)
    summed = tuple(sum(entry[state] for entry in story) for state in STATES)
    if summed != expected:
        yield f"{name}: entries {sorted(kinds)} add up to {summed} instead of {expected}"
    if len({(entry["PartitionKey"], entry["day"], entry["caller"]) for entry in story}) > 1:
        yield f"{name}: booked on different days or callers"
    if any(entry["PartitionKey"] != entry["day"][:7] for entry in story):
        yield f"{name}: booked in another month than its day's"


def _videos(account: Account, attempts: Mapping[tuple[str, int], list[Row]]) -> Iterator[str]:
    """Does the ledger agree with each video's row, and is money reserved only for work?"""
    booked: dict[str, list[int]] = {}
    for (video_id, _), story in attempts.items():
        sums = booked.setdefault(video_id, [0, 0, 0])
        for entry in story:
            for number, state in enumerate(STATES):
                sums[number] += entry[state]
    working = {row["RowKey"] for row in account.work}
    for video_id, (reserved, _, _) in booked.items():
        if reserved and video_id not in working:
            yield f"{video_id}: {reserved} are reserved and nobody works on it"
    for row in account.videos:
        if not str(row["RowKey"]).startswith("d_"):
            continue
        video_id, state = id_of(str(row["RowKey"])), row["cost_state"]
        if video_id not in booked:
            yield f"{video_id}: never booked"
            continue
        reserved, settled, unknown = booked[video_id]
        ended = row["status"] in ENDED
        if ended and video_id not in working and reserved:
            yield f"{video_id} has ended ({row['status']}) and {reserved} are reserved"
        if ended and video_id not in working and state == "reserved":
            yield f"{video_id} has ended ({row['status']}) and its cost is still reserved"
        if ended and video_id not in working and (unknown > 0) != (state == "unknown"):
            yield f"{video_id}: {unknown} are unknown in the ledger, and its row says {state}"
        if not ended and settled + unknown + reserved == 0:
            yield f"{video_id} is {row['status']} and nothing is booked for it"
        if state == "settled" and video_id not in working:
            last = max(attempt for video, attempt in attempts if video == video_id)
            settlement = sum(entry[STATES[1]] for entry in attempts[video_id, last])
            actual = row.get("cost_actual_micro_usd")
            if actual != settlement:
                yield f"{video_id}: its row says {actual}, its last settlement {settlement}"


def _totals(account: Account) -> Iterator[str]:
    sums: dict[tuple[str, str], list[int]] = {}
    for entry in account.entries:
        for key in ("t_m", f"t_d_{entry['day']}", f"t_c_{entry['caller']}"):
            total = sums.setdefault((entry["PartitionKey"], key), [0, 0, 0, 0])
            for number, column in enumerate((*STATES, "opened")):
                total[number] += entry.get(column) or 0
    written = {(row["PartitionKey"], row["RowKey"]): row for row in account.totals}
    for month, key in sorted(sums.keys() | written.keys()):
        row = written.get((month, key), {})
        total = [row.get(column) or 0 for column in (*STATES, "open")]
        summed = sums.get((month, key), [0, 0, 0, 0])
        if total != summed:
            yield f"total {month}/{key} says {total}, its entries add up to {summed}"
        if min(total) < 0:
            yield f"total {month}/{key} is negative: {total}"


def _batches(account: Account, attempts: Mapping[tuple[str, int], list[Row]]) -> Iterator[str]:
    """Is any budget of a batch passed?"""
    held: dict[str, int] = {}
    for (video_id, attempt), story in attempts.items():
        amount = {entry["kind"]: entry["amount_micro_usd"] for entry in story}
        booked = sum(entry[state] for entry in story for state in STATES)
        allowed = amount.get("reserve", 0) if _is_first(attempts, video_id, attempt) else 0
        batch = next((entry["batch"] for entry in story if entry.get("batch")), "")
        held[batch] = held.get(batch, 0) + min(booked, allowed)
    for row in account.batches:
        budget = row.get("budget")
        if row["RowKey"] == "batch" and budget is not None:
            committed = held.get(str(row["PartitionKey"]), 0)
            if committed > budget:
                yield f"{row['PartitionKey']}: {committed} are committed of a budget of {budget}"


def _is_first(attempts: Mapping[tuple[str, int], list[Row]], video_id: str, attempt: int) -> bool:
    """Is it the first render, by whichever model? A later one was never the batch's to refuse."""
    while attempt > 1:
        story = attempts.get((video_id, attempt), [])
        if not any(each["basis"] == _MOVED for each in story if each["kind"] == "reserve"):
            return False
        attempt -= 1
    return True


def export(account: Account, file: TextIO) -> int:
    """Write the entries as CSV, oldest first; returns how many."""
    rows = sorted(account.entries, key=lambda row: (row["day"], row["at"], row["RowKey"]))
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow(
            [
                row["day"],
                row["at"],
                row["video_id"],
                _harmless(row["caller"]),
                row.get("batch") or "",
                row["model"],
                row.get("deployment") or "",
                row["attempt"],
                row["kind"],
                dollars(row["amount_micro_usd"]),
                *(dollars(row[state]) for state in STATES),
                row["price_version"],
                row["basis"],
                row.get("rendered_by") or row["model"],
            ]
        )
    return len(rows)


def dollars(micro: int) -> str:
    """Micro-USD as a decimal number of dollars."""
    return f"{Decimal(micro) / 1_000_000:.6f}"


def months(account: Account) -> list[tuple[str, tuple[int, int, int]]]:
    """Reserved, settled and unknown micro-USD of each month, summed from its entries."""
    sums: dict[str, list[int]] = {}
    for entry in account.entries:
        month = sums.setdefault(entry["PartitionKey"], [0, 0, 0])
        for number, state in enumerate(STATES):
            month[number] += entry[state]
    return [(month, (a, b, c)) for month, (a, b, c) in sorted(sums.items())]


def id_of(key: str) -> str:
    """The video id of a row key, whose digits are inverted to put the newest first."""
    digits = key.removeprefix("d_")
    return "video_" + "".join("fedcba9876543210"[int(digit, 16)] for digit in digits)


def read(service: Any) -> Account:
    """Read the tables through a `TableServiceClient`."""
    return Account(*(_rows(service, name) for name in ("ledger", "videos", "work", "batches")))


def persistent(service: Any, *, looks: int = 3) -> tuple[Account, list[str]]:
    """The account, and the breaches that every look sees: a running app changes rows between two
    reads, and a breach that is only such an artefact is gone at the next look."""
    account = read(service)
    remaining = breaches(account)
    for _ in range(looks - 1):
        if not remaining:
            break
        account = read(service)
        still = set(breaches(account))
        remaining = [breach for breach in remaining if breach in still]
    return account, remaining


def _rows(service: Any, name: str) -> list[Row]:
    columns = None
    if name == "videos":  # no prompts
        columns = ["PartitionKey", "RowKey", "status", "cost_state", "cost_actual_micro_usd"]
    if name == "batches":
        columns = ["PartitionKey", "RowKey", "budget"]
    if name == "work":
        columns = ["PartitionKey", "RowKey"]
    entities: Iterable[Any] = service.get_table_client(name).list_entities(select=columns)
    return [
        {key: getattr(value, "value", value) for key, value in entity.items()}
        for entity in entities
    ]


def _harmless(text: str) -> str:
    """Keep a spreadsheet from reading a name as a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
