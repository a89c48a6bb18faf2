"""Which paths a server has, without asking for anything that exists."""

import uuid
from base64 import b64encode

from local.upstream_check.server import Server
from shared.domain.profiles import ProfileName
from shared.upstream.reading import Answer


def unknown_id(profile: ProfileName | None = None, *, provider: str = "", model: str = "") -> str:
    """An id of the server's own form that no job has: gateways read theirs."""
    digits = uuid.uuid4().hex
    if profile == "litellm":
        inner = f"litellm:custom_llm_provider:{provider};model_id:{model};video_id:video_{digits}"
        return f"video_{b64encode(inner.encode()).decode()}"
    if profile in ("sglang", "openrouter"):
        return str(uuid.UUID(digits))
    forms = {
        "bifrost": f"video_{digits}:{provider}",
        "new-api": f"task_{digits}",
        "vllm-omni": f"video_gen_{digits}",
    }
    return forms.get(profile or "", f"video_{digits}")


def has_videos(server: Server, prefix: str) -> Answer | None:
    """The answer for an unknown video, if it differs from that for a path that cannot exist."""
    nobody = unknown_id()
    job = server.get(f"{prefix}/videos/{nobody}")
    nothing = server.get(f"{prefix}/no-such-path/{nobody}")
    if job.status == nothing.status:
        same = nothing.body.replace(b"/no-such-path/", b"/videos/")
        if job.body.replace(nobody.encode(), b"") == same.replace(nobody.encode(), b""):
            return None
    return job
