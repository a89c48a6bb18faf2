"""The upstream's job, as every dialect reports it."""

import re
from base64 import b64decode
from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STRANGE = "strange"
    """An undocumented status: the job is polled until its deadline."""


class Fault(StrEnum):
    """Why a job failed, as far as the next step depends on it."""

    MODERATION = "moderation"
    INTERNAL = "internal"
    OTHER = "other"


@dataclass(frozen=True)
class Part:
    """One output as the upstream lists it. `ref` is the generation id in the Sora 1 dialect and the
    job id in the Sora 2 dialect."""

    ref: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """The state of an upstream job. Times are unix seconds, None if the upstream gives none."""

    job_id: str
    state: JobState
    word: str
    progress: int | None
    created_at: float | None
    expires_at: float | None
    finished_at: float | None = None
    parts: tuple[Part, ...] = ()
    fault: Fault | None = None
    message: str = ""
    cost: int | None = None
    """What the upstream says that it cost, in micro-USD (`money.reported`)."""
    render_seconds: float | None = None
    """The seconds of its render without its wait, where the upstream reports them (vLLM-Omni)."""


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """An upstream job in a list. What the list does not show is unknown: None, 0 or empty."""

    job_id: str
    created_at: float | None
    model: str
    width: int
    height: int
    seconds: float
    variants: int
    prompt: str | None


_PROVIDERS = (
    "anthropic azure bedrock cerebras cohere elevenlabs fireworks gemini groq huggingface mistral"
    " nebius ollama openai openrouter parasail perplexity replicate runway sgl vertex vllm xai"
)
"""What Bifrost names its providers; any other word after a colon is a part of the id."""
_OF_BIFROST = re.compile(f"(.+):({_PROVIDERS.replace(' ', '|')})")


def identity(job_id: str) -> str:
    """What create, status and list of one job have in common: gateways write what they need to
    find a job again into its id, and not everywhere the same.

    LiteLLM 1.108: `video_` and base64 of `litellm:custom_llm_provider:P;model_id:M;video_id:ID`,
    with `;deployment_id:D` after it but in lists. Bifrost: `ID:provider`.
    """
    if job_id.startswith("video_"):
        packed = job_id.removeprefix("video_")
        try:
            inner = b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
        except ValueError:
            inner = ""
        packed_id = re.search(r";video_id:([^;]+)", inner)
        if inner.startswith("litellm:") and packed_id:
            return identity(packed_id[1])
    plain = _OF_BIFROST.fullmatch(job_id)
    return plain[1] if plain else job_id
