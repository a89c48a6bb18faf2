"""What a request may carry beside the API's own fields: how values are read, and refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from shared.domain import parameters
from shared.domain.errors import InvalidRequest
from shared.domain.parameters import Parameter, Type, as_text, read
from shared.domain.request import VideoRequest
from shared.lifecycle.requests.fields import CreateVideo

SEED = Parameter(type="integer", minimum=0, maximum=100)
REQUEST = VideoRequest(model="wan", prompt="p", width=832, height=480, seconds=5)


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("integer", 7, 7),
        ("integer", "7", 7),
        ("integer", "-7", -7),
        ("integer", 7.0, 7),
        ("integer", "-7.0", -7),
        ("number", 7, 7.0),
        ("number", "7.50", 7.5),
        ("number", "1e-3", 0.001),
        ("string", "7", "7"),
        ("string", "", ""),
        ("boolean", True, True),
        ("boolean", "False", False),
    ],
)
def test_equal_values_are_equal_however_they_were_written(
    kind: Type, written: object, value: Any
) -> None:
    found = read("x", written, kind)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "written", "says"),
    [
        ("integer", 7.5, "x 7.5 is not an integer"),
        ("integer", "7.5", "x '7.5' is not an integer"),
        ("integer", True, "x True is not an integer"),
        ("integer", "0x10", "x '0x10' is not an integer"),
        ("integer", 2**63, "x 9223372036854775808 is not an integer"),
        ("integer", [7], "x [7] is not an integer"),
        ("number", float("nan"), "x nan is not a number"),
        ("number", "inf", "x 'inf' is not a number"),
        ("number", "1e999", "x '1e999' is not a number"),
        ("number", 10**400, "is not a number"),
        ("string", 7, "x 7 is not a text"),
        ("string", "\ud800", "is not a text"),
        ("boolean", 1, "x 1 is not true or false"),
        ("boolean", "yes", "x 'yes' is not true or false"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(kind: Type, written: object, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read("x", written, kind)
    assert says in refused.value.message
    assert refused.value.param == "x"


@pytest.mark.parametrize(
    ("parameter", "value", "says"),
    [
        (SEED, 101, "seed 101 is not supported by wan. Allowed: an integer from 0 to 100."),
        (replace(SEED, maximum=None), -1, "Allowed: an integer of at least 0."),
        (Parameter(type="number", maximum=9.5), 9.6, "Allowed: a number of at most 9.5."),
        (Parameter(type="string", max_length=2), "abc", "a text of at most 2 characters."),
        (Parameter(type="string", enum=("low", "high")), "mid", "Allowed: one of low, high."),
        (Parameter(type="boolean", enum=(True,)), False, "Allowed: one of true."),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_what_is_allowed(
    parameter: Parameter, value: Any, says: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parameters.check({"seed": value}, {"seed": parameter}, "wan")
    assert says in refused.value.message
    assert (refused.value.param, refused.value.code) == ("seed", "invalid_value")


@pytest.mark.parametrize("value", [0, 100])
def test_bounds_are_allowed(value: int) -> None:
    parameters.check({"seed": value}, {"seed": SEED}, "wan")


def test_two_deployments_together_have_the_widest_bounds() -> None:
    one = {"seed": SEED, "mode": Parameter(type="string", enum=("a", "b"))}
    two = {
        "seed": Parameter(type="integer", minimum=-5, maximum=50),
        "mode": Parameter(type="string", enum=("b", "c")),
        "fps": Parameter(type="integer", maximum=30),
    }
    assert parameters.of_all([one, two]) == {
        "seed": Parameter(type="integer", minimum=-5, maximum=100),
        "mode": Parameter(type="string", enum=("a", "b", "c")),
        "fps": Parameter(type="integer", maximum=30),
    }
    assert parameters.of_all([one, {"seed": Parameter(type="integer", minimum=1)}])["seed"] == (
        Parameter(type="integer", minimum=0, maximum=None)
    )


def test_no_parameter_hides_a_field_of_the_api() -> None:
    assert CreateVideo.model_fields.keys() <= parameters.RESERVED


def test_only_requests_with_parameters_have_another_digest() -> None:
    """Claims of earlier releases are recognised: this is what they hashed."""
    text = '{"metadata":{},"model":"wan","prompt":"p","seconds":5,"size":"832x480","variants":1}'
    assert REQUEST.digest() == hashlib.sha256(text.encode()).hexdigest()
    seeded = replace(REQUEST, parameters={"seed": 1, "fps": 24})
    assert seeded.digest() != REQUEST.digest()
    assert seeded.digest() == replace(REQUEST, parameters={"fps": 24, "seed": 1}).digest()
    assert seeded.digest() != replace(REQUEST, parameters={"seed": 2, "fps": 24}).digest()


def test_a_form_has_only_text() -> None:
    assert [as_text(value) for value in (True, False, 7, 7.5, "x")] == [
        "true", "false", "7", "7.5", "x",
    ]  # fmt: skip
