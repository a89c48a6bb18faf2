"""The commands for `CALLERS`: a key for a new entry, and a check before it is stored."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from local.processes import StackError


def add_commands(app: typer.Typer) -> None:
    app.command()(new_key)
    app.command()(check_callers)


def new_key(name: str) -> None:
    """Make a key for the caller NAME: print it, once, and its entry for CALLERS."""
    _check_name(name)
    key = secrets.token_urlsafe(32)
    print(f"key for {name} (shown only here): {key}")
    hashed = hashlib.sha256(key.encode()).hexdigest()
    print(f'CALLERS entry: "{name}": {{"key_sha256": ["{hashed}"]}}')


def check_callers(file: Annotated[Path, typer.Argument(help="CALLERS, as JSON.")]) -> None:
    """Check FILE as the app will read it: with a wrong CALLERS it answers nobody."""
    from pydantic import ValidationError

    from shared.settings.app import explain
    from shared.settings.callers import CallersFile

    try:
        names = CallersFile(callers=json.loads(file.read_bytes().decode("utf-8"))).callers
    except OSError as error:
        raise StackError(f"{file}: {error.strerror}") from None
    except ValidationError as error:
        raise StackError(explain(error)) from None
    except (ValueError, RecursionError) as error:
        raise StackError(
            f"{file} is not JSON in UTF-8 without a byte order mark: {error}"
        ) from None
    print(f"{file} can be stored. Callers: {', '.join(names) or 'none'}.")


def _check_name(caller: str) -> None:
    """Raises StackError for a name that the app refuses, and with it every other caller."""
    from pydantic import TypeAdapter, ValidationError

    from shared.settings.values import Name

    try:
        TypeAdapter(Name).validate_python(caller)
    except ValidationError:
        raise StackError(
            f"{caller!r} cannot be the name of a caller: use up to 63 letters, digits, '.', '_' "
            "and '-', the first of them a letter or a digit."
        ) from None
