"""The watched stack: its own callers, tenant and keys, and logs that can be searched. It ends with
the tests of this folder: a host that nobody asks is not idle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.watched import Watched, watched


@pytest.fixture(scope="package")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched")) as running:
        yield running


@pytest.fixture(name="watched")
def watched_fixture(_watched: Watched) -> Watched:
    """The watched stack; one for all tests here."""
    for child in _watched.stack.ended():
        pytest.fail(f"{child.name} ended:\n{child.last_lines(40)}")
    return _watched
