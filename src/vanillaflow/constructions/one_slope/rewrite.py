"""The paper's strict class: any PlanarFlow as one whose every kappa is alpha or 1/alpha, for one alpha.

Lowered, such a flow is Linear, LeakyReLU(alpha), Linear, LeakyReLU(alpha), ..., the same alpha everywhere.

Consecutive planar maps with parallel w move x by a function of nu = w.x alone, piecewise linear in nu. With
|w| = 1, along w and across it:
    x -> x + w (h(nu) - nu) + D(nu),    h(nu) increasing, w.D = 0.
1. Across. For any increasing g with a kink at every break of D, x + w (g(nu) - nu) + D(nu) is a composition
   of kinks: before the kink at nu_i let g have slope s_i, after it r_i s_i. By then w.x has become g(nu), and
   relu(g(nu) - g(nu_i)) = s_i relu(nu - nu_i) just behind nu_i; with the jump J_i of D' at nu_i,
       x -> x + ((r_i - 1) w + J_i / s_i) relu(w.x - g(nu_i))
   adds (r_i - 1) s_i to g' and J_i to D'. Its kappa is r_i. So D costs no accuracy, whatever r_i is: alpha or
   1/alpha. A shear has h(nu) = nu, and an up and a down kink at one place make it exactly. The cosine of the
   kink's angle between w and a is at least `Settings.cosine` while |J_i| / s_i <= tan |r_i - 1|: a J_i too
   large for that is shared among several kinks at one place.
2. Along. h itself is replaced by a staircase g (see `staircase`), |g - h| <= e with about c / e kinks. Its
   first piece, with any slope and offset, is an affine map, which costs nothing in a network.
3. Shares. An error e_g along w_g is enlarged to at most lambda_g e_g by the flow behind it. The sum of the
   c_g / e_g is least, with the sum of lambda_g e_g given, for e_g proportional to sqrt(c_g / lambda_g).
   These errors rarely add up, so their sum is scaled until the measured distance is what it may be.
Convergence: as the sum goes to 0 so do all g - h on the sampled ranges of nu, which have a margin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ...box import search_points
from ...deadline import check
from ...errors import ToleranceNotReached
from ...planar.flow import PlanarFlow
from ...planar.runs import Run, runs_of
from ...sampling.search import largest_error
from ...validation import require_fraction, require_positive
from .settings import DEFAULTS, Settings
from .staircase import Polyline, best_base, staircase


@dataclass(frozen=True, eq=False)
class Piece:
    """A run as functions of nu: along w the line; across it D(nu), `across` where the line begins, with
    `across_slopes` on its segments. `base` is that of its staircase, which has about cost / error kinks."""

    run: Run
    line: Polyline
    across: Float[np.ndarray, " d"]
    across_slopes: Float[np.ndarray, "m d"]
    base: float
    cost: float


def with_one_slope(
    flow: PlanarFlow, alpha: float, tolerance: float, seed: int = 0, settings: Settings = DEFAULTS
) -> PlanarFlow:
    """A PlanarFlow within `tolerance` of `flow` on its domain, every kappa of which is alpha or 1/alpha.

    The distance is the supremum over the domain of the max norm, as `largest_error` finds it from `seed`.
    Maps of `flow` that are shears, or whose kappa is a power of alpha, are reproduced exactly; each of the
    others takes a number of kinks that is inversely proportional to what it may err. No map is a (near) shear
    as `lowering` understands it, so `to_network(slope=alpha)` has one layer for each.

    Raises ValueError if alpha is not within (0, 1), the tolerance is not positive, or the flow has no domain;
    ToleranceNotReached, with the closest flow, if about 200,000 kinks do not do.
    """
    alpha, tolerance = require_fraction("alpha", alpha), require_positive("tolerance", tolerance)
    if flow.domain is None:
        raise ValueError("one slope needs the domain on which to stay close to the flow; this flow has none")
    points = max(min(settings.points, settings.coordinates // flow.dim), settings.least_points)
    x = search_points(flow.domain, points, seed)
    pieces = [
        _piece(flow, run, alpha, settings.negligible * tolerance, settings)
        for run in runs_of(flow, x, settings.margin)
    ]
    y = flow(x)

    def attempt(total: float) -> tuple[PlanarFlow, float]:
        """The flow with errors that add up to `total` at worst, and its distance."""
        check()
        made = _build(flow, pieces, alpha, total, settings)
        distance = float(np.max(np.abs(made(x) - y)))
        if distance <= settings.aim * tolerance:
            distance = max(distance, largest_error(made, flow, 2 * points, seed=seed + 10).largest)
        return made, distance

    made, distance = _fewest_kinks(attempt, pieces, tolerance, settings)
    provenance = flow.provenance
    if provenance is not None:
        stage = (f"one slope, {alpha:g}", made.kinks, distance)
        error = None if provenance.error is None else provenance.error + distance
        provenance = replace(provenance, error=error, path=(*provenance.path, stage))
    return made.with_provenance(provenance)


def _fewest_kinks(
    attempt: Callable[[float], tuple[PlanarFlow, float]],
    pieces: list[Piece],
    tolerance: float,
    settings: Settings,
) -> tuple[PlanarFlow, float]:
    """Search for the largest sum of errors with which an attempt succeeds; it has the fewest kinks."""
    spread = sum(np.sqrt(piece.cost * piece.run.amplification) for piece in pieces)
    # With a smaller sum there would be too many kinks.
    least = spread**2 / settings.most_kinks
    total, best, failed = max(settings.aim * tolerance, least), None, np.inf
    while best is None:
        found = attempt(total)
        if found[1] <= settings.accepted * tolerance:
            best = found
        elif spread == 0:
            raise ToleranceNotReached(
                f"rounding alone keeps the flow of one slope {found[1]:.1e} away, more than {tolerance:g}",
                *found,
            )
        elif total <= least:
            # The distance is about proportional to the sum, and that to the inverse of the kinks.
            needed = found[0].kinks * found[1] / tolerance
            raise ToleranceNotReached(
                f"one slope needs about {needed:.0f} kinks for {tolerance:g}, above the limit of "
                f"{settings.most_kinks}",
                *found,
                needed,
            )
        else:
            failed, total = total, max(settings.smaller * total, least)
    if spread == 0:
        return best
    # Without a failure yet, try larger sums; between success and failure, bisect.
    while failed > settings.close * total and spread**2 / total > 1:
        middle = 2 * total if np.isinf(failed) else np.sqrt(total * failed)
        found = attempt(middle)
        if found[1] > settings.accepted * tolerance:
            failed = middle
        else:
            total = middle
            if found[0].kinks <= best[0].kinks:
                best = found
    return best


def _piece(flow: PlanarFlow, run: Run, alpha: float, negligible: float, settings: Settings) -> Piece:
    """The run as functions of nu. Motions across w that move images less than `negligible` are left out."""
    check()
    part = slice(run.begin, run.end)
    a, t, size = flow.a[part], flow.t[part], run.size
    along = a @ run.w
    across = a - np.outer(along, run.w)
    kappa = 1 + size * along
    # The thresholds t_j / size_j are places after the maps before j: take them back through those.
    breaks = t / size
    for i in reversed(range(len(t) - 1)):
        breaks[i + 1 :] -= along[i] / kappa[i] * np.maximum(size[i] * breaks[i + 1 :] - t[i], 0)
    breaks = np.sort(breaks[(breaks > run.low) & (breaks < run.high)])
    breaks = np.concatenate([[run.low], breaks, [run.high]])
    breaks = breaks[np.concatenate([[True], np.diff(breaks) > settings.resolution * (run.high - run.low)])]
    breaks[-1] = run.high
    # The left end, then the middle of each segment, through all maps of the run.
    value = np.concatenate([[run.low], (breaks[1:] + breaks[:-1]) / 2])
    slope, shift = np.ones(value.size), np.zeros((value.size, flow.dim))
    shift_slope = np.zeros_like(shift)
    for j in range(len(t)):
        z = size[j] * value - t[j]
        active = z > 0
        shift += np.outer(np.maximum(z, 0), across[j])
        shift_slope += np.outer(np.where(active, size[j] * slope, 0), across[j])
        value += along[j] * np.maximum(z, 0)
        slope *= np.where(active, kappa[j], 1)
    jumps = np.zeros(breaks.size)
    jumps[1:-1] = np.linalg.norm(np.diff(shift_slope[1:], axis=0), axis=1)
    jumps[jumps * (run.high - breaks) * max(run.amplification, 1) <= negligible] = 0
    line = Polyline(breaks, slope[1:], jumps / settings.tangent, float(value[0]))
    return Piece(run, line, shift[0], shift_slope[1:], *best_base(line, alpha, settings))


def _build(
    flow: PlanarFlow, pieces: list[Piece], alpha: float, total: float, settings: Settings
) -> PlanarFlow:
    """The flow with its runs replaced, their errors adding up to at most about `total`."""
    spread = sum(np.sqrt(piece.cost * piece.run.amplification) for piece in pieces)
    identity: np.ndarray = np.eye(flow.dim)
    planar = [(np.zeros((0, flow.dim)), np.zeros((0, flow.dim)), np.zeros(0))]
    affine: list[tuple[int, np.ndarray, np.ndarray]] = []
    kinks, done, M, m = 0, 0, identity, np.zeros(flow.dim)

    def advance(stop: int) -> None:
        """Affine maps, and planar maps without a kink, up to the stop."""
        nonlocal done, M, m
        while done <= stop:
            for q in range(*np.searchsorted(flow.stops, [done, done + 1])):
                M, m = flow.M[q] @ M, flow.M[q] @ m + flow.m[q]
            if done < stop:
                m = m + flow.a[done] * max(-flow.t[done], 0.0)
            done += 1

    for piece in pieces:
        check()
        run = piece.run
        advance(run.begin)
        done = run.end
        share = np.sqrt(piece.cost / run.amplification) / spread if spread > 0 else 0.0
        stairs = staircase(piece.line, alpha, piece.base, share * total, settings)
        # x + w (first - low) + D(low) where nu = low, and from there on with the first slopes.
        column = (stairs.slope - 1) * run.w + piece.across_slopes[0]
        shift = run.w * (stairs.first - run.low) + piece.across - column * run.low
        M, m = M + np.outer(column, run.w @ M), m + column * (run.w @ m) + shift
        if not stairs.nu.size:
            continue
        if not np.array_equal(M, identity) or np.any(m):
            affine.append((kinks, M, m))
        M, m = identity, np.zeros(flow.dim)
        ratio = np.where(stairs.steps > 0, alpha, 1 / alpha)
        jump = piece.across_slopes[stairs.jump] - piece.across_slopes[np.maximum(stairs.jump - 1, 0)]
        a = np.outer(ratio - 1, run.w) + (stairs.share / stairs.before)[:, None] * jump
        # The jumps are across w up to rounding only, which counts next to a ratio as small as 0.01.
        a -= np.outer(1 + a @ run.w - ratio, run.w)
        planar.append((a, np.tile(run.w, (len(a), 1)), stairs.at))
        kinks += len(a)
    advance(flow.kinks)
    if not np.array_equal(M, identity) or np.any(m):
        affine.append((kinks, M, m))
    a, w, t = (np.concatenate(arrays) for arrays in zip(*planar))
    return PlanarFlow(
        a,
        w,
        t,
        stops=[stop for stop, _, _ in affine],
        M=np.array([M for _, M, _ in affine]).reshape(-1, flow.dim, flow.dim),
        m=np.array([m for _, _, m in affine]).reshape(-1, flow.dim),
        domain=flow.domain,
    )
