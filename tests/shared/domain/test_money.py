"""Prices and amounts: the published examples come out exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.models import PRICES
from shared.domain.money import Price, micro_usd, reported, usd


@pytest.mark.parametrize(
    ("model", "width", "height", "seconds", "outputs", "dollars"),
    [
        # the published examples
        ("sora", 1280, 720, 12, 1, "0.60"),
        ("sora", 1920, 1080, 12, 1, "1.35"),
        ("sora", 1280, 720, 12, 2, "1.20"),
        ("sora-2", 720, 1280, 4, 1, "0.40"),
        ("sora-2", 720, 1280, 8, 1, "0.80"),
        ("sora-2", 1280, 720, 12, 1, "1.20"),
        # worked by hand: 230,400 of 921,600 pixels are a quarter
        ("sora", 480, 480, 5, 2, "0.125"),
        # 409,920 / 921,600 * 0.05 * 5 = 0.111197916...
        ("sora", 854, 480, 5, 1, "0.111198"),
        ("sora", 480, 480, 1, 1, "0.0125"),
    ],
)
def test_published_prices(
    model: str, width: int, height: int, seconds: int, outputs: int, dollars: str
) -> None:
    assert usd(PRICES[model].amount(width, height, seconds * outputs, outputs)) == dollars


@given(
    st.integers(0, 10**6),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.integers(1, 60),
    st.integers(1, 8),
)
def test_a_scaled_price_is_within_half_a_micro_dollar(
    rate: int, width: int, height: int, seconds: int, outputs: int
) -> None:
    price = Price(version="x", rate=rate, reference_pixels=921_600)
    exact = rate * seconds * outputs * width * height
    assert (
        abs(price.amount(width, height, seconds * outputs, outputs) * 921_600 - exact) * 2
        <= 921_600
    )


@given(st.integers(-(10**12), 10**12))
def test_dollar_strings_lose_nothing(amount: int) -> None:
    text = usd(amount)
    assert len(text.split(".")[1]) >= 2
    assert micro_usd(text) == amount


@pytest.mark.parametrize("value", ["0.0000001", "a dollar", ""])
def test_amounts_finer_than_a_micro_dollar_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"USD|dollar"):
        micro_usd(value)


@pytest.mark.parametrize(
    ("price", "dollars"),
    [
        # 1280 x 720 are 0.9216 megapixels; two outputs of 5 s
        (Price(version="v", rate=100_000, unit="megapixel_second"), "0.9216"),
        (Price(version="v", rate=250_000, unit="video"), "0.50"),
        (Price(version="v", rate=1_000, unit="gpu_second"), "0.0905"),
        (Price(version="v", rate=1_000, unit="gpu_second", gpus=8), "0.724"),
    ],
)
def test_other_units(price: Price, dollars: str) -> None:
    assert usd(price.amount(1280, 720, 10, 2, render_seconds=90.5)) == dollars


@pytest.mark.parametrize(
    ("said", "micro"),
    [
        (0.25, 250_000),
        ("0.25", 250_000),
        (0, 0),
        (0.0000014, 1),
        (1e-9, 0),
        (999_999, 999_999_000_000),
        (-0.01, None),
        (float("nan"), None),
        (float("inf"), None),
        ("1e999999999", None),
        (1_000_000, None),
        ("free", None),
        (None, None),
        (True, None),
        ([0.25], None),
    ],
)
def test_what_an_upstream_says_that_it_cost(said: object, micro: int | None) -> None:
    assert reported(said) == micro
