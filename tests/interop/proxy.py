"""LiteLLM's proxy as a child process: one model, no database, and no way out of loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.processes import Child
from local.stack import ROOT

KEY = "sk-interop-master-key"
_PROGRAM = ROOT / ".venv-interop" / "bin" / "litellm"
_NOWHERE = "http://127.0.0.1:9"
_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "DISABLE_ADMIN_UI": "True",
    # what would leave loopback meets a closed port
    "HTTP_PROXY": _NOWHERE,
    "HTTPS_PROXY": _NOWHERE,
    "AIOHTTP_TRUST_ENV": "True",
    "NO_PROXY": "127.0.0.1",
}


@dataclass(frozen=True)
class Behind:
    """What the proxy passes requests on to: LiteLLM's `provider/model`, the server's `/v1`, its
    key."""

    model: str
    api_base: str
    api_key: str


@contextmanager
def serving(
    port: int, group: str, behind: Behind, folder: Path, *, listed: str | None = None
) -> Iterator[None]:
    """Serve the model `group`.

    Lists find their way by `completion_model`, which is one model for all requests. Without it,
    which is what `listed` stands for, they go to the provider's own address, whatever the model's
    `api_base` is: to OpenAI, or for `hosted_vllm` to HOSTED_VLLM_API_BASE.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"  # JSON is YAML
    parameters = {
        "model": behind.model,
        "api_base": behind.api_base,
        "api_key": behind.api_key,
    }
    general = {"master_key": KEY}
    environment = {**_ENVIRONMENT, "HOME": str(folder)}
    if listed is None:
        general["completion_model"] = group
    else:
        environment |= {"HOSTED_VLLM_API_BASE": listed, "HOSTED_VLLM_API_KEY": behind.api_key}
    models = [{"model_name": group, "litellm_params": parameters}]
    config.write_text(json.dumps({"model_list": models, "general_settings": general}))
    command = [str(_PROGRAM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    child = Child(
        "LiteLLM",
        command,
        environment=environment,
        log=folder / "litellm.log",
        cwd=folder,
    )
    try:
        child.wait_until(lambda: _alive(port), seconds=180)
        yield
        assert child.exit_code() is None, child.last_lines(40)
    finally:
        child.stop()


def _alive(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/health/liveliness"
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
