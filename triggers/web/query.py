"""A URL's query as Azure's host passes it on: names ignore case, repeated values are joined with
commas, and parameters without a value are dropped."""

import re
from collections.abc import Callable

import azure.functions as func

from shared.domain.errors import InvalidRequest
from shared.domain.limits import DEFAULT_PAGE, LONGEST_PAGE


def parameter(req: func.HttpRequest, name: str) -> str | None:
    """The value of the parameter `name`, in any case; None if it is absent or empty."""
    values = [value for sent, value in req.params.items() if sent.lower() == name and value]
    return ",".join(values) or None


def page_limit(req: func.HttpRequest) -> int:
    """How many things a page of a list may have. Raises InvalidRequest."""
    text = parameter(req, "limit") or str(DEFAULT_PAGE)
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= LONGEST_PAGE:
        raise InvalidRequest(
            f"limit {text[:20]!r} is not a number from 1 to {LONGEST_PAGE}.", param="limit"
        )
    return int(text)


def after(req: func.HttpRequest, is_id: Callable[[str], bool], thing: str) -> str | None:
    """The id behind which a page begins. Raises InvalidRequest for what is no id of a `thing`."""
    text = parameter(req, "after")
    if text is not None and not is_id(text):
        raise InvalidRequest(f"after {text[:80]!r} is not a {thing} id.", param="after")
    return text


def oldest_first(req: func.HttpRequest) -> bool:
    """The order of a list: newest first where none is asked for. Raises InvalidRequest."""
    order = parameter(req, "order") or "desc"
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"order {order[:80]!r} is not asc or desc.", param="order")
    return order == "asc"
