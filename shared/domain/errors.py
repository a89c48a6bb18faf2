"""What can go wrong for a caller, in one family.

    Problem
    ├── InvalidRequest      400  the request can never work as it is
    ├── NotAuthenticated    401  no key or token, or an invalid one
    ├── NotAllowed          403  this caller may not do this
    │   └── ApprovalRequired 403 a person has to approve it first
    ├── NotFound            404  no such thing for this caller
    ├── WrongMethod         405  the path exists, with other methods
    ├── Conflict            409  the thing is in a state that forbids it
    ├── LengthRequired      411  a body needs a Content-Length here
    ├── PreconditionFailed  412  a condition in the headers does not hold
    ├── TooLarge            413  the body is larger than the limit
    ├── UnsupportedEncoding 415  the body's compression is not supported
    ├── LimitReached        429  a money ceiling, of this caller or of the whole app
    │   └── TooDear         429  that for one video
    ├── RateLimited         429  this caller has too much under way; try again later
    └── Unavailable         503  nothing is wrong with the request; try again later

Every member says what was wrong, whether anything was charged and whether a retry makes sense; the
HTTP layer turns it into OpenAI's error envelope.
"""

from dataclasses import dataclass
from typing import Literal

from shared.domain.retry_after import UNAVAILABLE, whole_seconds

ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "insufficient_quota",
    "rate_limit_error",
    "server_error",
]
"""OpenAI's word for a kind of error."""


class Problem(Exception):
    """A request that ends in an error answer.

    `code` is stable, for programs; `message` is for people and names the parameter, the value and
    what is allowed. `param` is the request's field at fault, if any. `retry_after` is in seconds.
    """

    status = 500
    type: ErrorType = "server_error"
    code = "internal_error"
    retryable = False
    retry_after: float | None = None
    charged = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        stage: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.param = param
        self.stage = stage
        self.retry_after = self.retry_after if retry_after is None else retry_after

    @property
    def param_to_log(self) -> str | None:
        """`param` for the log: the name of an unknown field, or a metadata key, is the caller's own
        text and not for it."""
        if self.param is None or self.code == "unknown_parameter":
            return None
        return self.param.split(".")[0]

    @property
    def retry_after_seconds(self) -> int | None:
        """`retry_after` for a caller: whole seconds, at least one."""
        return None if self.retry_after is None else whole_seconds(self.retry_after)


class InvalidRequest(Problem):
    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class NotAuthenticated(Problem):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class NotAllowed(Problem):
    status = 403
    type = "permission_error"
    code = "not_allowed"


@dataclass(frozen=True, kw_only=True)
class AskedApproval:
    """An approval that was asked for: where a person gives it, for how many micro-USD, and until
    when (unix seconds)."""

    id: str
    url: str
    amount: int
    expires_at: int


class ApprovalRequired(NotAllowed):
    """`approval` is the one that was asked for, and after which a repeat works; None where none can
    be."""

    code = "approval_required"

    def __init__(self, message: str, approval: AskedApproval | None = None) -> None:
        super().__init__(message)
        self.approval = approval
        self.retryable = approval is not None


class NotFound(Problem):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class WrongMethod(Problem):
    """`allowed` are the methods of the path."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class Conflict(Problem):
    status = 409
    type = "invalid_request_error"
    code = "conflict"


class LengthRequired(Problem):
    status = 411
    type = "invalid_request_error"
    code = "length_required"


class PreconditionFailed(Problem):
    status = 412
    type = "invalid_request_error"
    code = "precondition_failed"


class TooLarge(Problem):
    status = 413
    type = "invalid_request_error"
    code = "body_too_large"


class UnsupportedEncoding(Problem):
    """`accepted` are the supported encodings."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_encoding"

    def __init__(self, message: str, accepted: tuple[str, ...]) -> None:
        super().__init__(message)
        self.accepted = accepted


class LimitReached(Problem):
    """A ceiling: a retry before it resets is refused too. `resets`: whether it ever does."""

    resets = True
    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class TooDear(LimitReached):
    """The ceiling for one video."""

    resets = False


class RateLimited(Problem):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    retryable = True
    retry_after = UNAVAILABLE


@dataclass(frozen=True)
class Failure:
    """Why a video ended without its outputs: the caller's `error`.

    `code` is from the design's table 'Endings'; `charged` is None while the bill is unknown.
    """

    code: str
    message: str
    stage: str
    retryable: bool
    charged: bool | None
