"""How a video ends: decided once, and carried out by steps that may repeat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Failure
from shared.domain.ledger import Kind
from shared.domain.video import RESCUABLE, Status


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`money` and `amount` (micro-USD) go into the ledger; `basis` is the reason."""

    status: Status
    failure: Failure | None = None
    money: Kind
    amount: int
    basis: str

    @property
    def code(self) -> str | None:
        return self.failure.code if self.failure else None

    @property
    def rescuable(self) -> bool:
        """Whether the video may still complete, once, if its render turns up."""
        return self.code in RESCUABLE

    def as_json(self) -> dict[str, Any]:
        failure = self.failure
        return {
            "status": self.status.value,
            "failure": None if failure is None else vars(failure),
            "money": self.money.value,
            "amount": self.amount,
            "basis": self.basis,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Verdict":
        failure = data["failure"]
        return cls(
            status=Status(data["status"]),
            failure=None if failure is None else Failure(**failure),
            money=Kind(data["money"]),
            amount=data["amount"],
            basis=data["basis"],
        )
