"""What `infra/` deploys with given parameters: see `tests.infra.bicep.evaluate`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.infra.bicep.evaluate import Deployment, deploy

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = [INFRA / "main.bicep", *sorted((INFRA / "modules").glob("*.bicep"))]
OPERATOR = "0b0b0b0b-0000-0000-0000-000000000000"
PUBLISHER = "0c0c0c0c-0000-0000-0000-000000000000"

ENVIRONMENT = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": "eastus2",
    "BUDGET_START_DATE": "2026-11-01",
}

EVERYTHING: dict[str, Any] = {
    "vnetEnabled": True,
    "durableBackend": "durableTaskScheduler",
    "operatorPrincipalId": OPERATOR,
    "requestPublisherIds": [PUBLISHER],
    "eventSubscriptions": True,
    "alertEmail": "night@example.com",
    "keyVaultPurgeProtection": True,
    "alwaysReadyHttp": 1,
}


def parameters(**changes: Any) -> dict[str, Any]:
    """The values of main.parameters.json as azd fills them in, with changes."""
    text = (INFRA / "main.parameters.json").read_text()
    listed = json.loads(text)["parameters"]
    values = {name: _filled(parameter["value"]) for name, parameter in listed.items()}
    return {**values, **changes}


def deployed(**changes: Any) -> Deployment:
    """Everything that `azd provision` makes with these parameters."""
    return _deployed(json.dumps(changes, sort_keys=True))


def settings_of(deployment: Deployment) -> dict[str, str]:
    """The app settings of the function app."""
    listed = deployment.one("Microsoft.Web/sites")["properties.siteConfig"]["appSettings"]
    return {setting["name"]: setting["value"] for setting in listed}


@lru_cache
def _deployed(changes: str) -> Deployment:
    return deploy(INFRA / "main.bicep", parameters(**json.loads(changes)))


def _filled(value: Any) -> Any:
    """`${NAME}` and `${NAME=default}` as azd replaces them; `true` and `false` become what the
    parameter needs."""
    if not isinstance(value, str):
        return value
    text = re.sub(r"\$\{(\w+)(?:=([^}]*))?\}", lambda m: ENVIRONMENT.get(m[1]) or m[2] or "", value)
    return {"true": True, "false": False}.get(text, text)
