"""Route templates: matching and order."""

import pytest

from local.host.routing import Route, RouteError, RouteTable


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


def test_order_does_not_depend_on_registration() -> None:
    templates = [
        "openai/v1/videos/edits",
        "openai/v1/videos/{id}/content",
        "openai/v1/videos/{id:guid}",
        "openai/v1/videos/{id}",
        "openai/v1/videos",
        "openai/v1/{resource}",
        "openai/v1/{*rest}",
        "{*path}",
    ]
    paths = {
        "openai/v1/videos/edits": "openai/v1/videos/edits",
        "openai/v1/videos/5/content": "openai/v1/videos/{id}/content",
        "openai/v1/videos/12345678-1234-1234-1234-123456789abc": "openai/v1/videos/{id:guid}",
        "openai/v1/videos/5": "openai/v1/videos/{id}",
        "openai/v1/videos": "openai/v1/videos",
        "openai/v1/models": "openai/v1/{resource}",
        "openai/v1/models/sora": "openai/v1/{*rest}",
        "elsewhere": "{*path}",
    }
    for order in (templates, templates[::-1], sorted(templates)):
        table = RouteTable((Route(template), template) for template in order)
        for path, template in paths.items():
            found = table.find("GET", path)
            assert found is not None
            assert found[0] == template


def test_methods() -> None:
    table = RouteTable(
        [
            (Route("a", ["GET"]), "get"),
            (Route("a", ["POST", "PUT"]), "post"),
            (Route("b"), "all"),
            (Route("{*rest}", ["DELETE"]), "rest"),
        ]
    )
    assert table.find("GET", "/a") == ("get", {})
    assert table.find("PUT", "/a") == ("post", {})
    assert table.find("HEAD", "/a") is None
    assert table.find("HEAD", "/b") == ("all", {})
    assert table.find("DELETE", "/a") == ("rest", {"rest": "a"})
