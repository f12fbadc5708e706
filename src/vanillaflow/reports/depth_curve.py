"""The error against the number of kinks, along the stages of the compilation: a drawing on two log scales."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from ..provenance import Provenance

_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 14, 46
# Room around the points, and the least that an axis spans, in decades.
_ROOM, _LEAST = 0.08, 0.4


def curve_stages(provenance: Provenance | None) -> list[tuple[str, int, float]]:
    """The stages with a point on log scales. The last one is the result."""
    path = () if provenance is None else provenance.path
    return [(name.split(":")[0], kinks, error) for name, kinks, error in path if kinks > 0 and error > 0]


def depth_curve(stages: list[tuple[str, int, float]], tolerance: float | None) -> str:
    """An <svg> with the stages in order, joined by a line, the last one filled; and the tolerance."""
    xs = [log10(kinks) for _, kinks, _ in stages]
    ys = [log10(error) for *_, error in stages]
    if tolerance is not None:
        ys.append(log10(tolerance))
    left, right = _span(xs)
    low, high = _span(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (x - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (high - y) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across, 1), round(down, 1)

    parts = []
    for value in _ticks(left, right):
        x, _ = place(log10(value), low)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{value:g}</text>')
    for value in _ticks(low, high):
        _, y = place(left, log10(value))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    if tolerance is not None:
        _, y = place(left, log10(tolerance))
        parts.append(f'<line class="tolerance" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tolerance" x="{_LEFT + 6}" y="{y - 6}">tolerance {tolerance:g}</text>')
    points = [place(x, y) for x, y in zip(xs, ys)]
    parts.append(f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}"/>')
    for (x, y), (name, kinks, error) in zip(points, stages):
        last = ' class="last"' if (x, y) == points[-1] else ""
        title = escape(f"{name}: {kinks} kinks, error {error:.3g}")
        parts.append(f'<circle{last} cx="{x}" cy="{y}" r="4.5"><title>{title}</title></circle>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">kinks</text>'
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">error</text>'
    )
    told = escape("; ".join(f"{kinks} kinks, error {error:.2g}" for _, kinks, error in stages))
    return (
        f'<svg class="curve" role="img" aria-label="Error against the number of kinks: {told}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">{"".join(parts)}</svg>'
    )


def _span(logarithms: list[float]) -> tuple[float, float]:
    low, high = min(logarithms), max(logarithms)
    room = max(_ROOM, (_LEAST - (high - low)) / 2)
    return low - room, high + room


# The digits of labelled numbers, from the fewest in each power of ten to the most.
_DIGITS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9))
_MOST_TICKS = 7


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two logarithms, as many as have room."""
    best: list[float] = []
    for digits in _DIGITS:
        found = [float(f"{digit}e{power}") for power in range(floor(low), ceil(high) + 1) for digit in digits]
        found = [value for value in found if low <= log10(value) <= high]
        if len(found) > _MOST_TICKS and best:
            break
        best = found
    return best
