"""A URL's query, as Azure's host hands it over."""

import azure.functions as func
import pytest

from triggers.web.query import parameter


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({}, None),
        ({"limit": "5"}, "5"),
        ({"Limit": "5"}, "5"),
        ({"limit": ""}, None),
        ({"limit": "5", "LIMIT": "6"}, "5,6"),
        ({"limits": "5"}, None),
    ],
)
def test_names_ignore_case_and_what_is_empty_is_not_there(
    params: dict[str, str], value: str | None
) -> None:
    request = func.HttpRequest("GET", "http://x/", params=params, body=b"")
    assert parameter(request, "limit") == value
