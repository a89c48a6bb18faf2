"""`CALLERS` and `WEBHOOKS`: who may call, and who is notified when a video ends."""

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.domain import limits
from shared.domain.money import micro_usd
from shared.domain.request import Allowance
from shared.settings.successors import AllowanceConfig
from shared.settings.values import Dollars, Guid, Name, Receiver, Strict


class Caller(Strict):
    """A caller, its keys and object ids, and how much it may spend.

    A video that costs more than `approval_above_usd` is made only after a person has approved it:
    another caller, whose `approves` has this one's name.
    """

    key_sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=list)
    entra: list[Guid] = Field(default_factory=list)
    budget_usd_per_month: Dollars = -1
    max_unfinished: int = -1
    creates_per_minute: Annotated[int, Field(ge=-1, le=limits.MOST_CREATES)] = -1
    approval_above_usd: Dollars = -1
    approves: list[str] = Field(default_factory=list)
    admin: bool = False
    allow_successor: AllowanceConfig | bool | None = None
    """What its requests say of the successor of their model that say nothing themselves; None: it
    may render them as they are."""

    @property
    def allowance(self) -> Allowance | None:
        given = self.allow_successor
        if given is None or isinstance(given, bool):
            return None if given is None else Allowance(allowed=given)
        most = None if given.max_usd is None else micro_usd(given.max_usd)
        return Allowance(allowed=True, most=most)

    def shares_credentials(self, other: "Caller") -> bool:
        """Whether somebody is both callers."""
        keys, ids = set(self.key_sha256), set(self.entra)
        return not (keys.isdisjoint(other.key_sha256) and ids.isdisjoint(other.entra))


def _approvable(callers: dict[str, Caller]) -> dict[str, Caller]:
    for name, caller in callers.items():
        if name in caller.approves:
            raise ValueError(f"{name} may not approve its own requests")
        for other in caller.approves:
            if other not in callers:
                raise ValueError(f"{name} approves {other[:63]!r}, which is not a caller")
            if caller.shares_credentials(callers[other]):
                raise ValueError(
                    f"{name} approves {other}, and both have the same key or object id: "
                    "whoever has it would approve their own requests"
                )
    return callers


Callers = Annotated[dict[Name, Caller], AfterValidator(_approvable)]
"""`CALLERS`: entries by name. Nobody approves what they asked for themselves."""


class CallersFile(Strict):
    """`CALLERS` alone, for whoever changes it."""

    callers: Callers


class Webhook(Strict):
    """An endpoint that is notified when videos end.

    `secret_setting` names the app setting with its Standard Webhooks secret (`whsec_...`); two of
    them, separated by a space, while one is being replaced.
    `callers` are the names in CALLERS that may ask for it; None: all may.
    """

    name: Name
    url: Receiver
    secret_setting: str
    callers: list[str] | None = None
