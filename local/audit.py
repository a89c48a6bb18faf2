"""The account, worked out anew from the raw rows: does every video balance, and every total?

It shares no code with what it judges, not even how keys are made: rows in, sentences out. What it
expects:

- An attempt to render begins with one `reserve` and ends with one `settle` or `release`; an
  `unknown` may stand between them, or last. Its changes add up to what its last entry says.
- A video that has ended has no reserved money behind it, and its row says what the ledger says.
- Reserved money belongs to a video that is still being worked on.
- Each total is the sum of the entries of its month that it counts, in money and in reservations
  that are open.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TextIO

Row = Mapping[str, Any]

STATES = ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd")
ENDED = ("completed", "failed", "cancelled")
_CLOSING = {"settle", "release"}
_LEGAL = (
    {"reserve"},
    {"reserve", "settle"},
    {"reserve", "release"},
    {"reserve", "unknown"},
    {"reserve", "unknown", "settle"},
    {"reserve", "unknown", "release"},
)
CSV_COLUMNS = (
    "day", "at", "video_id", "caller", "model", "deployment", "attempt", "kind", "amount_usd",
    "reserved_change_usd", "settled_change_usd", "unknown_change_usd", "price_version", "basis",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """The rows of the tables `ledger`, `videos` and `work`."""

    ledger: list[Row]
    videos: list[Row]
    work: list[Row]

    @property
    def entries(self) -> list[Row]:
        return [row for row in self.ledger if str(row["RowKey"]).startswith("e_")]

    @property
    def totals(self) -> list[Row]:
        return [row for row in self.ledger if str(row["RowKey"]).startswith("t_")]


def breaches(account: Account) -> list[str]:
    """Everything that does not add up; an empty list is the only pass."""
    attempts: dict[tuple[str, int], list[Row]] = {}
    for entry in account.entries:
        attempts.setdefault((entry["video_id"], entry["attempt"]), []).append(entry)
    found = [breach for key, story in attempts.items() for breach in _story(key, story)]
    found += _videos(account, attempts)
    found += _totals(account)
    return found


def _story(key: tuple[str, int], story: list[Row]) -> Iterator[str]:
    """One attempt: is it told in full, and does it add up?"""
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
    """Does the ledger know each video as its row does, and is nothing reserved for nobody?"""
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
            told = sum(entry[STATES[1]] for entry in attempts[video_id, last])
            if row.get("cost_actual_micro_usd") != told:
                actual = row.get("cost_actual_micro_usd")
                yield f"{video_id}: its row says {actual}, its last settlement {told}"


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
        told = [row.get(column) or 0 for column in (*STATES, "open")]
        summed = sums.get((month, key), [0, 0, 0, 0])
        if told != summed:
            yield f"total {month}/{key} says {told}, its entries add up to {summed}"
        if min(told) < 0:
            yield f"total {month}/{key} is negative: {told}"


def export(account: Account, file: TextIO) -> int:
    """Write the entries as CSV, oldest first; how many there are."""
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
                row["model"],
                row.get("deployment") or "",
                row["attempt"],
                row["kind"],
                dollars(row["amount_micro_usd"]),
                *(dollars(row[state]) for state in STATES),
                row["price_version"],
                row["basis"],
            ]
        )
    return len(rows)


def dollars(micro: int) -> str:
    """Micro-USD as a decimal number of dollars."""
    return f"{Decimal(micro) / 1_000_000:.6f}"


def months(account: Account) -> list[tuple[str, tuple[int, int, int]]]:
    """Reserved, settled and unknown micro-USD of each month, added up from its entries."""
    sums: dict[str, list[int]] = {}
    for entry in account.entries:
        month = sums.setdefault(entry["PartitionKey"], [0, 0, 0])
        for number, state in enumerate(STATES):
            month[number] += entry[state]
    return [(month, (a, b, c)) for month, (a, b, c) in sorted(sums.items())]


def id_of(key: str) -> str:
    """The video id of a row key: its digits count downwards, so that the newest comes first."""
    digits = key.removeprefix("d_")
    return "video_" + "".join("fedcba9876543210"[int(digit, 16)] for digit in digits)


def read(service: Any) -> Account:
    """Read the tables of a `TableServiceClient`, as they are."""
    return Account(*(_rows(service, name) for name in ("ledger", "videos", "work")))


def persistent(service: Any, *, looks: int = 3) -> tuple[Account, list[str]]:
    """The account, and what is wrong at every look: an app that is working changes rows between
    two reads, and what only that made up is gone at the next."""
    account = read(service)
    found = breaches(account)
    for _ in range(looks - 1):
        if not found:
            break
        account = read(service)
        still = set(breaches(account))
        found = [breach for breach in found if breach in still]
    return account, found


def _rows(service: Any, name: str) -> list[Row]:
    columns = None
    if name == "videos":  # no prompts
        columns = ["PartitionKey", "RowKey", "status", "cost_state", "cost_actual_micro_usd"]
    if name == "work":
        columns = ["PartitionKey", "RowKey"]
    entities: Iterable[Any] = service.get_table_client(name).list_entities(select=columns)
    return [
        {key: getattr(value, "value", value) for key, value in entity.items()}
        for entity in entities
    ]


def _harmless(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
