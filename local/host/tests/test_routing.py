"""Route templates: matching and order."""

import pytest

from ..routing import Route, RouteError, RouteTable


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("", "/", {}),
        ("", "/a", None),
        ("a/b", "/A/b/", {}),
        ("a/b", "/a", None),
        ("a/b", "/a/b/c", None),
        ("a/{x}", "/a/1", {"x": "1"}),
        ("a/{x}", "/a", None),
        ("a/{x?}", "/a", {}),
        ("a/{x=5}", "/a", {"x": "5"}),
        ("a/{x:int?}", "/a", {}),
        ("a/{x:int?}", "/a/b", None),
        ("{*rest}", "/", {}),
        ("{*rest}", "/a/b", {"rest": "a/b"}),
        ("{*rest}", "/a//b/", {"rest": "a//b/"}),
        ("{*rest}", "//a", None),
        ("a/{x}", "/a//", None),
        ("a/{**rest}", "/a/b/c", {"rest": "b/c"}),
        ("a/{*rest=z}", "/a", {"rest": "z"}),
        ("v{major:int}.{minor:int}", "/v1.20", {"major": "1", "minor": "20"}),
        ("{name}.{ext}", "/a.b.c", {"name": "a.b", "ext": "c"}),
        ("{name}.{ext}", "/abc", None),
        ("(a+)/{x}", "/(a+)/1", {"x": "1"}),
        ("{x:regex(^\\d{{2}}$)}", "/12", {"x": "12"}),
        ("{x:regex(^\\d{{2}}$)}", "/123", None),
        ("{x:regex(a/b)}", "/ab", None),
    ],
)
def test_matching(template: str, path: str, values: dict[str, str] | None) -> None:
    assert Route(template).match(path) == values


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", ["0", "-5", "2147483647"], ["", "x", "1.5", "2147483648", "٣"]),
        ("long", ["2147483648"], ["9223372036854775808"]),
        ("bool", ["true", "FALSE"], ["1"]),
        ("guid", ["12345678-1234-1234-1234-123456789abc"], ["1234"]),
        ("double", ["1.5", "-2"], ["x"]),
        ("decimal", ["1.50"], ["x"]),
        ("datetime", ["2030-01-01"], ["tomorrow"]),
        ("alpha", ["abc"], ["ab1"]),
        ("min(5)", ["5", "50"], ["4", "x"]),
        ("max(5)", ["5", "-1"], ["6"]),
        ("range(2,4)", ["2", "4"], ["1", "5", "x"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("required", ["a"], []),
        ("int:min(3)", ["3"], ["2"]),
    ],
)
def test_constraints(constraint: str, good: list[str], bad: list[str]) -> None:
    route = Route(f"{{x:{constraint}}}")
    assert [route.match(f"/{value}") for value in good] == [{"x": value} for value in good]
    assert [route.match(f"/{value}") for value in bad] == [None] * len(bad)


@pytest.mark.parametrize(
    "template", ["{", "a//b", "{x:nonsense}", "{x:range(1)}", "{}", "{x:min(a)}", "a}"]
)
def test_templates_that_are_refused(template: str) -> None:
    with pytest.raises(RouteError):
        Route(template)


def names(*routes: tuple[str, str]) -> RouteTable[str]:
    """A table of (function's name, template); what it finds is the name."""
    return RouteTable((name, Route(template), name) for name, template in routes)


def test_the_first_function_by_name_wins_however_specific_another_one_is() -> None:
    routes = [
        ("fallback", "{*path}"),
        ("get_video", "videos/{id}"),
        ("edits", "videos/edits"),
    ]
    for order in (routes, routes[::-1]):
        table = names(*order)
        assert table.find("GET", "/videos/edits") == ("edits", {})
        assert table.find("GET", "/videos/5") == ("fallback", {"path": "videos/5"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "b"),
        ("a", "B"),
        ("A", "b"),
        ("get2", "getA"),
        ("geta", "get_a"),  # an underscore follows every letter
        ("getZ", "get_a"),
        ("get", "get_a"),
    ],
)
def test_names_are_compared_in_upper_case(first: str, second: str) -> None:
    assert names((second, "x"), (first, "{y}")).find("GET", "/x") == (first, {"y": "x"})


def test_methods() -> None:
    table = RouteTable(
        [
            ("a1", Route("a", ["GET"]), "get"),
            ("a2", Route("a", ["POST", "PUT"]), "post"),
            ("b", Route("b"), "all"),
            ("c", Route("{*rest}", ["DELETE"]), "rest"),
        ]
    )
    assert table.find("GET", "/a") == ("get", {})
    assert table.find("PUT", "/a") == ("post", {})
    assert table.find("HEAD", "/a") is None
    assert table.find("HEAD", "/b") == ("all", {})
    assert table.find("DELETE", "/a") == ("rest", {"rest": "a"})
