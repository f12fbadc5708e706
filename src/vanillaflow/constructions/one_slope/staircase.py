"""Increasing functions whose slopes are powers of one number: what a network with one slope can do on a line.

A kink of ratio alpha or 1/alpha takes one power alpha^k to the next. So a function built from them has the
slopes base * alpha^k, k whole, with one free factor `base`. Where the wanted slope s lies strictly between
two consecutive powers p < s < q, it is met on average: the function zigzags about the wanted one. A run at
slope q that goes from e below to e above has length 2 e / (q - s), the run back 2 e / (s - p). Per unit of
length that makes
    c / e kinks,   c = (s - p)(q - s) / (q - p),
and crossing the whole band each time makes no fewer possible.

The best base. With q = p / alpha, c = (s (1/alpha + 1) - s^2 / p - p / alpha) / (1/alpha - 1) is concave in p
on each piece between the powers at which it vanishes. The sum over segments of wanted slopes s_j is
concave between the places where one of them vanishes: it is least where some segment has its own slope.

What must be carried. A kink may also start a motion across the line (a shear): it must then be at one place,
and its ratio limits how much it can carry, see `Polyline.jumps`. A run may end at such a place before its
time. Where the slope is right, an up kink and a down kink at that place carry it and leave the slope alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .settings import DEFAULTS, Settings


@dataclass(frozen=True, eq=False)
class Polyline:
    """An increasing piecewise-linear function on [breaks[0], breaks[m]], its value at the left end `first`.

    jumps[j] >= 0 is what a kink at breaks[j] has to carry, in units of what it can: a kink from slope s to
    slope s' carries up to |s' - s|.
    """

    breaks: Float[np.ndarray, " ends"]
    slopes: Float[np.ndarray, " m"]
    jumps: Float[np.ndarray, " ends"]
    first: float


@dataclass(frozen=True, eq=False)
class Staircase:
    """A function that starts at nu = `begin` with value `first` and slope `slope`, and has K kinks.

    At nu[i], in ascending order, the slope is multiplied by alpha^steps[i], steps[i] = 1 or -1; before[i] is
    the slope that the kink finds and at[i] the value there. Kink i carries the part share[i] of
    jumps[jump[i]], nothing where share[i] = 0.
    """

    begin: float
    first: float
    slope: float
    nu: Float[np.ndarray, " K"]
    at: Float[np.ndarray, " K"]
    before: Float[np.ndarray, " K"]
    steps: Int[np.ndarray, " K"]
    jump: Int[np.ndarray, " K"]
    share: Float[np.ndarray, " K"]


def _exponents(
    slopes: np.ndarray, base: float, alpha: float, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """The exponents low >= high with base alpha^low <= slopes <= base alpha^high, equal where possible."""
    exponent = np.log(slopes / base) / np.log(alpha)
    return (
        np.ceil(exponent - settings.whole).astype(np.int64),
        np.floor(exponent + settings.whole).astype(np.int64),
    )


def best_base(line: Polyline, alpha: float, settings: Settings = DEFAULTS) -> tuple[float, float]:
    """The base with the fewest kinks and the number c such that c / error kinks zigzag. See the module."""
    lengths, best = np.diff(line.breaks), (1.0, np.inf)
    # One of each class of slopes that differ by whole powers; the first wins a tie.
    for base in line.slopes:
        low, high = _exponents(line.slopes, base, alpha, settings)
        p, q = base * alpha ** low.astype(float), base * alpha ** high.astype(float)
        between = low > high
        density = (line.slopes - p) * (q - line.slopes) / np.where(between, q - p, 1.0)
        cost = float(np.sum((lengths * density)[between]))
        if cost < best[1]:
            best = float(base), cost
    return best


def staircase(
    line: Polyline, alpha: float, base: float, error: float, settings: Settings = DEFAULTS
) -> Staircase:
    """The function with slopes base alpha^k that stays within `error` of the line, with few kinks.

    Between kinks it runs on until it meets the edge of the band. Where it starts in the band is free: at the
    edge from which its first run is longest, or in the middle if its slope is right.
    """
    low, high = _exponents(line.slopes, base, alpha, settings)
    starts = [(error, low[0]), (-error, high[0])]
    if low[0] == high[0]:
        starts.append((0.0, low[0]))
    walks = [_Walk(line, alpha, base, error, low, high, *start) for start in starts]
    return min(walks, key=lambda walk: walk.kinks).staircase()


class _Walk:
    """One walk along the line from left to right, at `offset` above it with slope base alpha^level."""

    def __init__(self, line, alpha, base, error, low, high, offset, level):
        self.line, self.alpha, self.base = line, alpha, base
        self.start, self.start_level = offset, int(level)
        self.offset, self.level, self.kinks = float(offset), int(level), 0
        self.found: list[tuple[np.ndarray, np.ndarray, int, np.ndarray]] = []
        for j in range(line.slopes.size):
            if line.jumps[j] > 0:
                self._carry(j, int(low[j]), int(high[j]))
            self._run(j, error, int(low[j]), int(high[j]))

    def _slope(self, level):
        return self.base * self.alpha ** np.float64(level)

    def _add(self, nu: np.ndarray, steps: np.ndarray, jump: int = 0, share: np.ndarray | None = None) -> None:
        self.found.append((nu, steps, jump, np.zeros(nu.size) if share is None else share))
        self.level += int(steps.sum())
        self.kinks += nu.size

    def _run(self, j: int, error: float, low: int, high: int) -> None:
        """Along segment j, crossing the band as often as its length demands."""
        nu, end = self.line.breaks[j], self.line.breaks[j + 1]
        if self.level == low == high:
            return
        rate = self._slope(self.level) - self.line.slopes[j]
        edge = np.copysign(error, rate)
        turn = nu + max((edge - self.offset) / rate, 0.0)
        if turn >= end:
            self.offset += rate * (end - nu)
            return
        steps = _between(self.level, low if rate > 0 else high)
        self._add(np.full(steps.size, turn), steps)
        self.offset = edge
        if low == high:
            return
        down = 2 * error / (self.line.slopes[j] - self._slope(low))
        up = 2 * error / (self._slope(high) - self.line.slopes[j])
        odd, even = (down, up) if self.level == low else (up, down)
        i = np.arange(2 * int((end - turn) / (odd + even)) + 2)
        turns = turn + (i // 2 + 1) * odd + (i + 1) // 2 * even
        turns = turns[turns < end]
        last = turns[-1] if turns.size else turn
        self._add(turns, (1 if self.level == high else -1) * (1 - 2 * (i[: turns.size] % 2)))
        if turns.size % 2:
            self.offset = -edge
        self.offset += (self._slope(self.level) - self.line.slopes[j]) * (end - last)

    def _carry(self, j: int, low: int, high: int) -> None:
        """The kinks at breaks[j] that carry jumps[j]: to the other side of the wanted slope, or back."""
        size = self.line.jumps[j]
        other = high if self.level >= low else low
        best: tuple[np.ndarray, np.ndarray] | None = None
        for end in dict.fromkeys((other, self.level)):
            steps = _between(self.level, end)
            slopes = self._slope(self.level + np.concatenate([[0], np.cumsum(steps)]))
            missing = size - np.abs(np.diff(slopes)).sum()
            pair = 2 * (self._slope(self.level - 1) - self._slope(self.level))
            # Up first: a kink on the way up from s, or down to s, carries 1/alpha times as much as the
            # other way about. A pair before the steps changes nothing for them.
            steps = np.concatenate([np.tile([-1, 1], max(int(np.ceil(missing / pair)), 0)), steps])
            slopes = self._slope(self.level + np.concatenate([[0], np.cumsum(steps)]))
            if steps.size and (best is None or steps.size < best[0].size):
                best = steps, np.abs(np.diff(slopes))
        assert best is not None  # Without steps there is something missing, so there are pairs.
        steps, room = best
        self._add(np.full(steps.size, self.line.breaks[j]), steps, j, room / room.sum())

    def staircase(self) -> Staircase:
        nu = np.concatenate([np.zeros(0), *[nu for nu, _, _, _ in self.found]])
        steps = np.concatenate([np.zeros(0, dtype=np.int64), *[s for _, s, _, _ in self.found]])
        jump = np.repeat(
            np.array([j for _, _, j, _ in self.found], dtype=np.int64),
            np.array([part.size for part, _, _, _ in self.found], dtype=np.int64),
        )
        share = np.concatenate([np.zeros(0), *[part for _, _, _, part in self.found]])
        begin, first = float(self.line.breaks[0]), self.line.first + self.start
        before = self._slope(self.start_level + np.concatenate([[0], np.cumsum(steps[:-1])]))[: nu.size]
        at = first + np.cumsum(before * np.diff(np.concatenate([[begin], nu])))
        slope = float(self._slope(self.start_level))
        return Staircase(begin, first, slope, nu, at, before, steps, jump, share)


def _between(level: int, end: int) -> np.ndarray:
    """The unit steps from one exponent to another."""
    return np.full(abs(end - level), 1 if end > level else -1, dtype=np.int64)
