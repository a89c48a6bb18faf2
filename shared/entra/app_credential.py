"""The app's own identity: one credential per process, built on first use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


@lru_cache(maxsize=1)
def credential() -> TokenCredential:
    """The managed identity in Azure; elsewhere the user of the Azure CLI."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
