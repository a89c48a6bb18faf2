"""The query of a URL as .NET reads it: names have no case, and repeated values are one list."""

from collections.abc import Iterable
from urllib.parse import parse_qsl


class Query:
    """A parsed query."""

    def __init__(self, text: str) -> None:
        self._spelled: dict[str, list[str]] = {}
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            self._spelled.setdefault(name.lower(), []).append(name)
            self._values.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def get(self, name: str) -> str | None:
        """The values of a name joined with commas, None if it is not there."""
        values = self._values.get(name.lower())
        return None if values is None else joined(values)

    def all(self, name: str) -> list[str]:
        return self._values.get(name.lower(), [])

    def items(self) -> dict[str, str]:
        """All joined values, each under the name as it was written the second time (or once)."""
        return {
            self._spelled[name][:2][-1]: joined(values) for name, values in self._values.items()
        }


def joined(values: Iterable[str]) -> str:
    """As ``StringValues.ToString``, which leaves out what is empty."""
    return ",".join(value for value in values if value)
