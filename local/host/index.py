"""Loads ``function_app.py`` and describes its functions, as the Python worker does.

What is checked, and the words of the errors: azure-functions-python-worker 4.34
``loader.index_function_app`` and ``functions.Registry``. An app that cannot be indexed has no
functions at all, so that is one error; a single function that this host cannot serve (a missing
setting, a binding of another service) is described with its ``error``, and the others run.
"""

import importlib
import inspect
import json
import os
import sys
import traceback
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.decorators.function_app import Function as SdkFunction

from .config import MissingSettingError, resolve
from .converters import converter_of, has_implicit_output
from .routing import sort_key

TRIGGERS = frozenset(
    {
        "httpTrigger",
        "timerTrigger",
        "eventGridTrigger",
        "orchestrationTrigger",
        "activityTrigger",
        "entityTrigger",
    }
)
_SERVED = TRIGGERS | {"http", "durableClient"}


class IndexingError(Exception):
    """The app cannot be indexed; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding, with ``%SETTING%`` names resolved."""

    name: str
    type: str
    properties: Mapping[str, Any]
    """As in function.json: ``route``, ``methods``, ``schedule``, ``authLevel``..."""
    raw: Mapping[str, Any]
    """The same with names of settings left as they are."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app."""

    name: str
    call: Callable[..., Any]
    """What the worker would call; for orchestrators and entities the SDK's handle."""
    trigger: Binding
    bindings: tuple[Binding, ...]
    """All of them, the trigger included."""
    is_async: bool
    requires_context: bool
    """Whether it takes an unbound parameter ``context: func.Context``."""
    entry_point: str
    """The Python function's own name."""
    has_return: bool
    script: Path
    error: str | None = None
    """Why this host cannot serve it."""


def index_app(directory: Path, script: str, environ: Mapping[str, str]) -> list[Function]:
    """Import the app and describe its functions, sorted by name as the host sorts them.

    Changes the process as the worker does: the working directory, and ``sys.path`` so that the
    app's modules and its ``.python_packages`` come first. Raises ``IndexingError``.
    """
    if not (directory / script).is_file():
        raise IndexingError(f"{directory / script} does not exist")
    os.chdir(directory)
    packages = directory / ".python_packages" / "lib" / "site-packages"
    if packages.is_dir():
        sys.path.insert(0, str(packages))
    sys.path.insert(0, str(directory))
    module = _import(Path(script).stem, directory)

    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if not apps:
        raise IndexingError(f"Could not find top level function app instances in {script}.")
    if len(apps) > 1:
        raise IndexingError(
            f"More than one {type(apps[0]).__name__} or other top level function app instances"
            " are defined."
        )
    try:
        functions = apps[0].get_functions()
    except Exception as error:
        raise IndexingError(str(error)) from error
    described = [describe(function, directory / script, environ) for function in functions]
    return sorted(described, key=lambda function: sort_key(function.name))


def _import(name: str, directory: Path) -> Any:
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        place = f"{error.filename}, line {error.lineno}" if error.filename else name
        raise IndexingError(f"Syntax error in {place}: {error.msg}") from error
    except ModuleNotFoundError as error:
        raise IndexingError(
            f"Cannot find module. Please check the requirements.txt file for the missing module:"
            f" {error} ({_place(error, directory)})"
        ) from error
    except Exception as error:
        raise IndexingError(
            f"{type(error).__name__}: {error} ({_place(error, directory)})"
        ) from error


def _place(error: BaseException, directory: Path) -> str:
    """The last line of the app's own code that led to an error."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(directory)
    ]
    if not own:
        return "outside of the app"
    return f"{Path(own[-1].filename).relative_to(directory)}, line {own[-1].lineno}"


def describe(function: SdkFunction, script: Path, environ: Mapping[str, str]) -> Function:
    """Describe a built function. Raises ``IndexingError``."""
    name = str(function.get_function_name())
    bindings, error = _bindings(function, environ)
    call = function.get_user_function()
    _check_colour(name, call)
    requires_context = _check_parameters(name, call, bindings)
    sdk_trigger = function.get_trigger()
    assert sdk_trigger is not None  # building the function has checked it
    trigger = next(binding for binding in bindings if binding.name == sdk_trigger.name)
    has_return = any(
        binding.name == "$return" or has_implicit_output(binding.type) for binding in bindings
    )
    return Function(
        name=name,
        call=call,
        trigger=trigger,
        bindings=tuple(bindings),
        is_async=inspect.iscoroutinefunction(call),
        requires_context=requires_context,
        entry_point=getattr(call, "__name__", name),
        has_return=has_return,
        script=script,
        error=error,
    )


def _bindings(
    function: SdkFunction, environ: Mapping[str, str]
) -> tuple[list[Binding], str | None]:
    """The bindings, and why they cannot be served, if so."""
    bindings: list[Binding] = []
    error: str | None = None
    for raw in function.get_raw_bindings():
        properties, unresolved = json.loads(raw), json.loads(raw)
        for key, value in properties.items():
            # Routes are templates of their own, in which the host resolves nothing.
            if isinstance(value, str) and key not in ("route", "name"):
                try:
                    properties[key] = resolve(value, environ)
                except MissingSettingError as missing:
                    error = str(missing)
        if properties["type"] not in _SERVED:
            error = f"Bindings of type '{properties['type']}' are not served by this host."
        bindings.append(Binding(properties["name"], properties["type"], properties, unresolved))
    return bindings, error


def _check_colour(name: str, call: Callable[..., Any]) -> None:
    """Durable functions that the SDK would call without awaiting them."""
    for kind, attribute in (
        ("orchestrator", "orchestrator_function"),
        ("entity", "entity_function"),
    ):
        code = getattr(call, attribute, None)
        if inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code):
            raise IndexingError(
                f"The {kind} function '{name}' is async: it must be a plain 'def'"
                + (" generator." if kind == "orchestrator" else ".")
            )


def _check_parameters(name: str, call: Callable[..., Any], bindings: list[Binding]) -> bool:
    """Match parameters and bindings; whether the function takes a ``func.Context`` besides."""
    parameters = set(inspect.signature(call).parameters)
    try:
        annotations = typing.get_type_hints(call)
    except Exception as error:
        raise _cannot_load(name, f"its annotations cannot be resolved: {error}") from error
    bound = {binding.name: binding for binding in bindings if binding.name != "$return"}

    requires_context = "context" in parameters and "context" not in bound
    if requires_context:
        parameters.remove("context")
        annotation = annotations.get("context", func.Context)
        if getattr(annotation, "__name__", None) != "Context":
            raise _cannot_load(
                name,
                'the "context" parameter is expected to be of type azure.functions.Context, got '
                f"{annotation!r}",
            )
    if unbound := parameters - set(bound):
        raise _cannot_load(
            name,
            "the following parameters are declared in Python but not in function.json:"
            f" {unbound!r}",
        )
    if missing := set(bound) - parameters:
        raise _cannot_load(
            name,
            "the following parameters are declared in function.json but not in Python:"
            f" {missing!r}",
        )
    for parameter in parameters & set(annotations):
        _check_annotation(name, bound[parameter], annotations[parameter])
    return requires_context


def _check_annotation(name: str, binding: Binding, annotation: Any) -> None:
    converter = converter_of(binding.type)
    if converter is None or binding.properties["direction"] != "IN":
        return
    if not isinstance(annotation, type):
        if typing.get_origin(annotation) is None and annotation is not Any:
            raise _cannot_load(
                name, f"binding {binding.name} has invalid non-type annotation {annotation!r}"
            )
        return
    if annotation in (str, bytes) and not has_implicit_output(binding.type):
        return  # the worker treats it as a generic binding
    if not converter.check_input_type_annotation(annotation):
        raise _cannot_load(
            name,
            f'type of {binding.name} binding in function.json "{binding.type}" does not match its'
            f' Python annotation "{annotation.__name__}"',
        )


def _cannot_load(name: str, problem: str) -> IndexingError:
    return IndexingError(f"cannot load the {name} function: {problem}")
