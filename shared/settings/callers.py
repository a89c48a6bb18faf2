"""`CALLERS` and `WEBHOOKS`: who may call, and who is notified when a video ends."""

from typing import Annotated

from pydantic import Field

from shared.domain import limits
from shared.settings.values import Name, Receiver, Strict


class Caller(Strict):
    """A caller, its keys and object ids, and how much it may spend."""

    key_sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=list)
    entra: list[str] = Field(default_factory=list)
    budget_usd_per_month: float = -1
    max_unfinished: int = -1
    creates_per_minute: Annotated[int, Field(ge=-1, le=limits.MOST_CREATES)] = -1
    admin: bool = False


class Webhook(Strict):
    """An endpoint that is notified when videos end.

    `secret_setting` names the app setting with its Standard Webhooks secret (`whsec_...`).
    `callers` are the names in CALLERS that may ask for it; None: all may.
    """

    name: Name
    url: Receiver
    secret_setting: str
    callers: list[str] | None = None
