"""Words in a prompt that trigger a refusal or a failure on purpose."""

from local.simulator.config import Dialect
from local.simulator.errors import ApiError, content_filter
from local.simulator.jobs import Failure

CONTENT_FILTER = "content-filter"
"""Refused at create: 400 with an inner error."""

BLOCKED = "Your request was blocked by our moderation system."
"""[L] the message of `moderation_blocked`."""

WORDS: dict[str, dict[Dialect, Failure]] = {
    "moderation-blocked": {
        "sora-2": Failure(at=0.15, code="moderation_blocked", message=BLOCKED),  # [L]
        "sora-1": Failure(at=0.15, code="input_moderation", message=""),  # [S]
    },
    "input-moderation": {
        "sora-2": Failure(at=0.15, code="moderation_blocked", message=BLOCKED),  # [L]
        "sora-1": Failure(at=0.15, code="input_moderation", message=""),  # [S]
    },
    "output-moderation": {
        "sora-2": Failure(at=0.95, code="moderation_blocked", message=BLOCKED),  # [L]
        "sora-1": Failure(at=0.95, code="output_moderation", message=""),  # [S: PyRIT]
    },
    "internal-error": {
        "sora-2": Failure(at=0.6, code="internal_error", message="Video generation failed."),  # [?]
        "sora-1": Failure(at=0.6, code="internal_error", message=""),  # [S]
    },
}
"""Word -> dialect -> how the job fails. The shares of the render time are invented [?]."""


def screen(prompt: str) -> None:
    """Refuse a prompt at create.

    Raises:
        ApiError: 400 when the prompt contains `content-filter`.
    """
    if CONTENT_FILTER in prompt.lower():
        refusal: ApiError = content_filter(prompt)
        raise refusal


def verdict(prompt: str, dialect: Dialect) -> Failure | None:
    """How a job with this prompt fails later; None when it does not."""
    lowered = prompt.lower()
    return next((by[dialect] for word, by in WORDS.items() if word in lowered), None)
