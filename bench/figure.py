"""A chart as SVG text: a few lines over two axes that begin at zero. No plotting library needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 44, 84
_FONT = 'font-family="system-ui, sans-serif"'


@dataclass(frozen=True)
class Line:
    """Points (x, y) joined by a line, and one that is marked by a dot."""

    name: str
    points: Sequence[Sequence[float]]
    colour: str
    mark: tuple[float, float] | None = None
    dashed: bool = False


def chart(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """The chart, with a white ground so that it reads on dark pages too."""
    every = [
        point for line in lines for point in (*line.points, *([line.mark] if line.mark else []))
    ]
    x_step, x_end = _scale(max(point[0] for point in every))
    y_step, y_end = _scale(max(point[1] for point in every))
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(value: float) -> float:
        return round(_LEFT + (right - _LEFT) * value / x_end, 1)

    def y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * value / y_end, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, size=15),
    ]
    for tick in _ticks(x_step, x_end):
        parts.append(_rule(x(tick), _TOP, x(tick), bottom))
        parts.append(_text(x(tick), bottom + 18, f"{tick:g}", anchor="middle"))
    for tick in _ticks(y_step, y_end):
        parts.append(_rule(_LEFT, y(tick), right, y(tick)))
        parts.append(_text(_LEFT - 8, y(tick) + 4, f"{tick:g}", anchor="end"))
    parts.append(_text(right, bottom + 36, x_name, anchor="end"))
    parts.append(_text(_LEFT, _TOP - 6, y_name, size=12))
    for line in lines:
        path = " ".join(f"{x(point[0])},{y(point[1])}" for point in line.points)
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        if path:
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{line.colour}" '
                f'stroke-width="2"{dash}/>'
            )
        if line.mark:
            cx, cy = x(line.mark[0]), y(line.mark[1])
            parts.append(f'<circle cx="{cx}" cy="{cy}" r="5" fill="{line.colour}"/>')
    step = (right - _LEFT) / len(lines)
    for number, line in enumerate(lines):
        at = round(_LEFT + number * step, 1)
        parts.append(
            f'<rect x="{at}" y="{_HEIGHT - 26}" width="12" height="12" fill="{line.colour}"/>'
        )
        parts.append(_text(at + 17, _HEIGHT - 16, line.name, size=12))
    return "\n".join([*parts, "</svg>", ""])


def _scale(largest: float) -> tuple[float, float]:
    """Width between two ticks, 1, 2 or 5 times a power of ten, and where the axis ends."""
    raw = max(largest, 1e-9) / 6
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return step, step * -(-largest // step)


def _ticks(step: float, end: float) -> list[float]:
    return [step * number for number in range(round(end / step) + 1)]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#e2e2e2"/>'


def _text(x: float, y: float, words: str, *, size: int = 13, anchor: str = "start") -> str:
    where = f'x="{x}" y="{y}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" {_FONT} fill="#202020">{escape(words)}</text>'
