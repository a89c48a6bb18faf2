"""What the body of an error says: whether it is about the content, the model, our key or our bill.

The codes and sentences are the ones that servers were seen to send, or have in their code.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile

from shared.upstream import reading
from shared.upstream.reading import Answer
from shared.upstream.sentences import Said, said

_LARGEST_MESSAGE = 500
_LARGEST_PLAIN = 2000
_SHORTEST_CUT = 40
"""Characters of a prompt that are known again."""
_GONE_CODES = frozenset(
    {"model_decommissioned", "model_deprecated", "model_retired", "modeldeprecated", "modelretired"}
)
_GONE = re.compile(
    r"\bmodel\b([^.;\n]|\.(?=\S)){0,60}\b(has been|was|is) (now )?"
    r"(decommissioned|deprecated|discontinued|retired|shut down|sunset"
    r"|no longer (available|supported))",
    re.IGNORECASE,
)
"""A sentence of a 404 about a model that does not come back."""

_MODERATION_CODES = frozenset(
    {
        "moderation_blocked",  # Sora 2 jobs, seen live
        "content_filter",  # Azure's general shape, seen live for chat
        "content_policy_violation",
        "contentpolicyviolationerror",  # LiteLLM's class
        "responsibleaipolicyviolation",  # Sora 1 spec, inner_error.code
        "input_moderation",
        "output_moderation",
        "moderation_error",
        "safety_violation",
        "content_moderated",
        "request_moderated",
        "moderated",
        "content_filtered",
        "nsfw",
    }
)
_MODERATION = re.compile(
    r"\b(moderation_blocked|content[ _]policy[ _]violation|ContentPolicyViolation\w*"
    r"|ResponsibleAIPolicyViolation|responsible ai (policy|practices)|raiMediaFiltered\w*)\b"
    r"|\b(blocked|rejected|flagged|filtered|refused) (by|due to|because of|for)"
    r" [^.]{0,40}\b(moderation|safety|content (policy|filter)\w*)"
    r"|\bviolat\w+ [^.]{0,60}\b(content|safety|usage|responsible ai) (policy|policies|guidelines)",
    re.IGNORECASE,
)
"""Sentences of servers that pass a provider's refusal on without its code."""
_KEY_CODES = frozenset(
    {
        *(
            "model_not_found",
            "invalid_api_key",
            "auth_error",
            "authentication_error",
            "token_not_found_in_db",
        ),
        *("no_db_connection", "expired_key", "key_model_access_denied"),
        "model_price_error",  # new-api, for a model that it has no price for
    }
)
_BILL_CODES = frozenset(
    {
        *("budget_exceeded", "insufficient_quota", "insufficient_user_quota"),
        *("billing_hard_limit_reached", "insufficient_balance", "insufficient_credits"),
    }
)
_BILL = re.compile(
    r"\b(budget has been exceeded|exceededbudget|insufficient (balance|credits?))", re.I
)
_UNKNOWN_JOB_CODES = frozenset(
    {"task_not_exist", "task_not_found", "video_not_found", "job_not_found"}
)
_JOB = r"(video|task|job|generation)"
_UNKNOWN_JOB = re.compile(
    rf"([^.;\n]*)\b{_JOB}s?((?:[\s:=,()]+({_JOB}|with|ids?|the|named|was|is|has|have|been|could|does"
    r"|do|did|[\"'`\\]+[^\"'`]{1,300}[\"'`\\]+|\S*\d\S*))*)"
    r"[\s:]+(not found|not (be )?found|not exist|no longer exists|deleted|expired)\b"
    rf"|\b(no such|unknown) {_JOB}\b",
    re.IGNORECASE,
)
"""A sentence about a job, with nothing but its id in between: what else of a video is not found,
such as its encoder, may be back."""
_OTHER_THING = re.compile(
    r"\b(models?|deployments?|files?|content|providers?|endpoint|route|path|url|config\w*|key"
    r"|queue|backend|engine|worker|server|service|handler|method)\b",
    re.IGNORECASE,
)
"""What else may be missing: "the model for this video was not found" says nothing of a job."""


@dataclass(frozen=True)
class ErrorBody:
    """What an error answer says: a sentence (never empty) and its codes, in small letters."""

    message: str
    codes: tuple[str, ...]

    @property
    def moderated(self) -> bool:
        return is_moderation(self.message, self.codes)

    @property
    def gone(self) -> bool:
        """Whether it says that the model does not come back."""
        return not _GONE_CODES.isdisjoint(self.codes) or _GONE.search(self.message) is not None

    @property
    def of_everybody(self) -> bool:
        """Whether it is about our key or our bill, whatever its status."""
        beyond_one = _KEY_CODES | _BILL_CODES
        return not beyond_one.isdisjoint(self.codes) or _BILL.search(self.message) is not None

    @property
    def unknown_job(self) -> bool:
        """Whether it says that there is no such job."""
        sentences = (match[0] for match in _UNKNOWN_JOB.finditer(self.message))
        by_code = not _UNKNOWN_JOB_CODES.isdisjoint(self.codes)
        return by_code or any(not _OTHER_THING.search(sentence) for sentence in sentences)


def is_moderation(message: str, codes: Collection[str]) -> bool:
    """Whether a refusal or a failure is because of the content, by its own words."""
    return not _MODERATION_CODES.isdisjoint(codes) or _MODERATION.search(message) is not None


def error_body(answer: Answer, *, prompt: str = "") -> ErrorBody:
    """Read an error answer in any form that occurs, plain text and HTML included.

    Cuts out `prompt`: messages about a deployment are shown to all callers.
    """
    if answer.data is None:
        plain = answer.body[:_LARGEST_PLAIN].decode(errors="replace").strip()
        nothing = f"HTTP {answer.status} without a JSON body"
        found = Said(nothing if not plain or _is_page(answer) else reading.text(plain))
    else:
        found = said({"error": answer.data})
    message = _without(found.message or f"HTTP {answer.status}", prompt)
    return ErrorBody(message[:_LARGEST_MESSAGE], found.codes)


def _is_page(answer: Answer) -> bool:
    """Whether an answer without JSON is a page for people, which a proxy sends."""
    return re.search(rb"<(!|[a-z])", answer.body[:_LARGEST_PLAIN], re.IGNORECASE) is not None


def _without(message: str, prompt: str) -> str:
    """A message without the prompt, and without a beginning of it that the server has cut."""
    if prompt:
        message = re.sub(rf"(?<!\w){re.escape(prompt)}(?!\w)", "[prompt]", message)
    beginning = prompt[:_SHORTEST_CUT]
    while len(beginning) == _SHORTEST_CUT and (at := message.find(beginning)) >= 0:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(message[at:], prompt, strict=False))
        message = f"{message[:at]}[prompt]{message[at + len(list(same)) :]}"
    return message
