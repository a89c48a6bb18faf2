"""Every request reaches one function, whichever way a host looks for it.

Azure's host takes the first function by name whose route and method match; others take the most
specific route. The app must be right under both, and under any names but the catch-all's.
"""

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.exported import Exported, functions

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CATCH_ALL = "{*path}"

HTTP = [each for each in functions().values() if each.trigger == "httpTrigger"]
ROUTED = [each for each in HTTP if each.route != CATCH_ALL]
(LAST,) = (each for each in HTTP if each.route == CATCH_ALL)

Order = Callable[[Exported], Any]


def by_name(function: Exported) -> str:
    """Azure's: in upper case, ordinally (seen on Microsoft's host 4.1037)."""
    return function.name.upper()


def by_specificity(function: Exported) -> list[int]:
    """ASP.NET's own: segment by segment a literal before a parameter before a catch-all."""
    return [
        2 if part.startswith("{*") else 1 if "{" in part else 0
        for part in function.route.split("/")
    ]


def segments(route: str) -> list[str]:
    return route.strip("/").split("/")


def matches(function: Exported, method: str, path: str) -> bool:
    if method not in function.methods:
        return False
    if function.route == CATCH_ALL:
        return True
    wanted, sent = segments(function.route), segments(path)
    return len(wanted) == len(sent) and all(
        (each.startswith("{") and part != "") or each.casefold() == part.casefold()
        for each, part in zip(wanted, sent, strict=True)
    )


def answering(order: Order, method: str, path: str, among: Iterable[Exported]) -> Exported | None:
    return next((each for each in sorted(among, key=order) if matches(each, method, path)), None)


def example(route: str) -> str:
    return "/" + re.sub(r"\{\w+\}", "video_0123456789abcdef", route)


def renamed(function: Exported, prefix: str) -> list[Exported]:
    """All functions, one of them under another name."""
    other = Exported(prefix + function.name, function.trigger, function.route, function.methods)
    return [other if each is function else each for each in HTTP]


@pytest.mark.parametrize("order", [by_name, by_specificity])
@pytest.mark.parametrize("function", ROUTED, ids=lambda each: each.name)
def test_a_path_reaches_its_own_function(order: Order, function: Exported) -> None:
    path = example(function.route)
    for written in (path, path + "/", path.upper()):
        for method in function.methods:
            assert answering(order, method, written, HTTP) is function


@pytest.mark.parametrize("order", [by_name, by_specificity])
def test_what_no_function_takes_reaches_the_catch_all(order: Order) -> None:
    taken = {(method, each.route) for each in ROUTED for method in each.methods}
    asked = [
        (method, example(route))
        for route in {each.route for each in ROUTED}
        for method in METHODS
        if (method, route) not in taken
    ]
    asked += [
        (method, path)
        for method in METHODS
        for path in ("/", "/favicon.ico", "/openai/v1", "/openai/v1/images", "/api/videos")
    ]
    asked += [("POST", f"/openai/v1/videos/{word}") for word in ("edits", "extensions")]
    for method, path in asked:
        assert answering(order, method, path, HTTP) is LAST, f"{method} {path}"


def test_no_two_functions_answer_the_same_request() -> None:
    """So their names decide nothing. A parameter stands for any segment."""
    for one, other in itertools.combinations(ROUTED, 2):
        if not set(one.methods) & set(other.methods):
            continue
        mine, yours = segments(one.route), segments(other.route)
        apart = len(mine) != len(yours) or any(
            "{" not in a + b and a.casefold() != b.casefold()
            for a, b in zip(mine, yours, strict=False)
        )
        assert apart, f"{one.name} and {other.name} both answer {example(one.route)}"


@pytest.mark.parametrize("prefix", ["aaa_", "zzz_", "ZZZ_", "zz"])
def test_renaming_a_function_changes_no_answer(prefix: str) -> None:
    for function in ROUTED:
        among = renamed(function, prefix)
        for each in ROUTED:
            for method in each.methods:
                found = answering(by_name, method, example(each.route), among)
                assert found is not None
                assert found.route == each.route, f"{method} {each.route}"


def test_the_catch_all_takes_every_method() -> None:
    assert set(LAST.methods) == set(METHODS)
