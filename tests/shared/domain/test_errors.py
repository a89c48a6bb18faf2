"""What callers are told of errors in headers."""

import pytest

from shared.domain.errors import RateLimited


@pytest.mark.parametrize(
    ("wait", "told"), [(0.0, 1), (0.01, 1), (1.0, 1), (2.4, 3), (2.5, 3), (59.001, 60), (60, 60)]
)
def test_who_waits_as_told_is_not_refused_again(wait: float, told: int) -> None:
    problem = RateLimited("slower", code="rate_limit_exceeded", retry_after=wait)
    assert problem.retry_after_seconds == told
    assert told >= wait
