"""Identifiers in the formats of the real services."""

import secrets

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def video_id(now: float) -> str:
    """Sora 2: `video_` and 32 hex digits that begin with the unix time [3: ids in bug reports]."""
    return f"video_{int(now):08x}{secrets.token_hex(12)}"


def task_id(now: float) -> str:
    """Sora 1 job: `task_` and a lower-case ULID [S: sample]."""
    return f"task_{_ulid(now)}"


def generation_id(now: float) -> str:
    """Sora 1 generation: `gen_` and a lower-case ULID [S: sample]."""
    return f"gen_{_ulid(now)}"


def request_id() -> str:
    """A value of Azure's `apim-request-id`."""
    raw = secrets.token_hex(16)
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))


def _ulid(now: float) -> str:
    number = (int(now * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
