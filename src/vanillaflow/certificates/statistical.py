"""The statistical certificate: how much of the box may have an error above a bound, with what confidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ..sampling.search import absolute_errors
from ..target import Target
from ..validation import require_count
from .binomial import MOST_POINTS, largest_fraction, order_statistic, sample_size
from .certificate import Finding
from .resolution import solver_errors

_POINTS = 10_000
# Points drawn and evaluated together; numbers kept, 512 MB of them.
_BATCH, _MOST_NUMBERS = 2**14, 2**26
# Sets the stream of points apart from all others of the same seed: those that a network was fitted to.
_STREAM = 0x5747
# The solver's own error is told from so many points.
_SOLVER_POINTS = 256


def certify_statistical(
    flow: Callable[[np.ndarray], np.ndarray],
    target: Target,
    points: int | None = None,
    confidence: float = 0.999,
    coverage: float | None = None,
    seed: int = 0,
) -> Finding:
    """Compare at n fresh points, independent and uniform over the box, and bound the rest of it.

    With the given confidence, at least the part `coverage` of the box, by volume, has an error of at most
    `bound`. Without `coverage`, the bound is the largest error of all points, and

        coverage = (1 - confidence)^(1/n),   1 - coverage = about log(1 / (1 - confidence)) / n.

    With `coverage`, the bound is the smallest of their errors for which the statement is true, see
    `binomial.order_statistic`; some of the points may have a larger one. The statement is exact for every n
    and any kind of error, as long as the points do not depend on the flow: with a network from somebody else,
    use a seed that they could not know. It says nothing of the rest of the box. The bounds of single outputs,
    `per_output`, hold with that confidence each on its own.

    The error is measured against the target's solver. `solver_error`, which is added to every bound, is how
    far its images move, at 256 of the points and the worst, when its tolerance is made a thousand times
    smaller: an estimate, no proof.

    Parameters
    ----------
    flow
        A function (n, d) -> (n, d).
    target
        The exact flow.
    points
        The number n of points; by default 10,000, or as many as `coverage` needs.
    confidence
        The probability with which the statement is true.
    coverage
        The part of the box; by default what n points give.
    seed
        The seed of the points.

    Raises
    ------
    ValueError
        For bad arguments, and for too few points for the confidence and coverage; the message says how many
        are needed.
    FlowLeavesDomain
        Where the target raises it.
    """
    points, coverage, k = _plan(points, confidence, coverage, target.dim)
    errors = np.empty((points, target.dim))
    worst_point, largest = target.domain.center, -1.0
    start = 0
    for x in fresh_points(target, points, seed):
        y = target(x)
        found = absolute_errors(flow(x), y)
        errors[start : start + len(x)] = found
        worst = int(np.argmax(found.max(axis=1)))
        if found[worst].max() > largest:
            worst_point, largest = x[worst], float(found[worst].max())
        if start == 0:
            solver_error = float(solver_errors(target, x[:_SOLVER_POINTS], y[:_SOLVER_POINTS]).max())
        start += len(x)
    solver_error = max(solver_error, float(solver_errors(target, worst_point[None]).max()))
    return Finding(
        method="statistical",
        bound=float(np.partition(errors.max(axis=1), k - 1)[k - 1]) + solver_error,
        per_output=np.partition(errors, k - 1, axis=0)[k - 1] + solver_error,
        worst_point=worst_point,
        confidence=float(confidence),
        points=points,
        largest=largest,
        coverage=coverage,
        solver_error=solver_error,
        seed=seed,
    )


def _plan(points: int | None, confidence: float, coverage: float | None, dim: int) -> tuple[int, float, int]:
    """The number of points n, the coverage, and the k for which e_(k) is the bound."""
    most = min(MOST_POINTS, _MOST_NUMBERS // dim)
    if coverage is None:
        points = require_count("points", _POINTS if points is None else points, most)
        return points, 1 - largest_fraction(0, points, confidence), points
    needed = sample_size(confidence, coverage)
    if needed > most:
        raise ValueError(
            f"confidence {confidence!r} and coverage {coverage!r} need {needed} points; at most "
            f"{most} are drawn"
        )
    points = require_count("points", max(_POINTS, needed) if points is None else points, most)
    return points, float(coverage), order_statistic(points, confidence, coverage)


def fresh_points(target: Target, points: int, seed: int) -> list[Float[np.ndarray, "n d"]]:
    """`points` independent uniform points of the target's box, in batches."""
    sizes = [min(_BATCH, points - start) for start in range(0, points, _BATCH)]
    seeds = np.random.SeedSequence([_STREAM, seed]).generate_state(len(sizes), np.uint64)
    return [target.domain.uniform(size, int(own)) for size, own in zip(sizes, seeds)]
