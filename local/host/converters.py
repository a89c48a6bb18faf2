"""azure-functions' own converters, by binding type, as the Python worker looks them up."""

from typing import Any

from azure.functions import meta


def converter_of(binding_type: str) -> Any:
    """The converter class of a binding type, or None (azure-functions 1.26 ``meta``)."""
    return meta.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def has_implicit_output(binding_type: str) -> bool:
    """Whether a binding takes the function's return value without a ``$return`` binding."""
    implicit = getattr(converter_of(binding_type), "has_implicit_output", None)
    return bool(implicit and implicit())
