"""Which families, and how many planar maps for each: found by trial, as families are fitted so fast.

Least squares moves planar maps within a family, never from one to another. Two or three pairs of families do
most of the work; a weak pair whose kinks turn, put in between, takes up what they leave with few planar maps.
The trials are judged by a p-norm with large p: what has the least root mean square need not have the least
maximum.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from ....runtime.threads import side_by_side
from ....sampling.samples import Samples, p_norm
from ...construction import Stop
from ..settings import DEFAULTS
from ..settings import Families as Stage
from .families import Families
from .fit import fit_families

Judged = tuple[Families, float]


def best_families(
    known: Iterable[Families],
    goal: float,
    kinks: int,
    samples: Samples,
    rng: np.random.Generator,
    stop: Stop,
    settings: Stage = DEFAULTS.families,
) -> list[Families]:
    """The best few found with `kinks` planar maps, for a root mean square of `goal`, best first.

    They come from those that are `known`, best first, with or without a weak pair more.
    """
    part = samples.thin(settings.points, rng)
    bases = [families.scale(kinks) for families in known if min(families.counts) >= Families.least_count]
    near = [base for base in bases if _error(base, part) <= settings.enough * goal]
    tried = side_by_side([partial(_fit, base, part, (2.0,), stop) for base in bases[: settings.known]])
    if near:
        tried += _with_weak_pair(min(near, key=lambda base: len(base.counts)), part, stop)
    best = [families for families, _ in sorted(tried, key=lambda entry: entry[1])[: settings.places]]
    tried = side_by_side([partial(_fit, each, samples, settings.powers, stop) for each in best])
    best = [families for families, _ in sorted(tried, key=lambda entry: entry[1])[: settings.last_places]]
    tried = side_by_side([partial(_share, each, samples, stop) for each in best])
    return [families for families, _ in sorted(tried, key=lambda entry: entry[1])]


def refit(families: Families, samples: Samples, stop: Stop) -> Families:
    """The families with a lower maximum error."""
    return _fit(families, samples, families.parameters.settings.families.last_powers, stop)[0]


def _error(families: Families, samples: Samples) -> float:
    return p_norm(families.parameters(samples.x) - samples.y, 2)


def _fit(families: Families, samples: Samples, powers: tuple[float, ...], stop: Stop) -> Judged:
    settings = families.parameters.settings.families
    norm = np.inf
    for p in powers:
        families, norm = fit_families(families, samples, p, settings.degree, settings.steps, stop)
    return families, norm


def _with_weak_pair(base: Families, part: Samples, stop: Stop) -> list[Judged]:
    """One more pair before, between or after those of `base`, in each direction, fitted."""
    settings = base.parameters.settings.families
    kinks = sum(base.counts)
    count = max(2 * Families.least_count, round(settings.weak * kinks))
    smaller = base.scale(kinks - count)
    angles = np.pi * np.arange(settings.directions) / settings.directions

    def fit_at(at: int, angle: float) -> Judged:
        w = np.array([np.cos(angle), np.sin(angle)])
        weak, norm = smaller.with_idle_pair(part.x, at, w, count), np.inf
        for degree in settings.weak_degrees:
            weak, norm = fit_families(weak, part, 2.0, degree, settings.weak_steps, stop)
        return weak, norm

    places = range(len(smaller.counts) + 1)
    return side_by_side([partial(fit_at, at, angle) for at in places for angle in angles])


def _share(families: Families, samples: Samples, stop: Stop) -> Judged:
    """Planar maps moved from pair to pair while that lowers the norm."""
    settings = families.parameters.settings.families
    families, norm = _fit(families, samples, settings.powers[-1:], stop)
    move = max(settings.least_move, round(settings.moved * sum(families.counts)))
    tried = {families.counts}
    while move >= settings.least_move and not stop():
        improved = False
        for to in range(len(families.counts)):
            for source in range(len(families.counts)):
                counts = list(families.counts)
                counts[to] += move
                counts[source] -= move
                if to == source or counts[source] < Families.least_count or tuple(counts) in tried:
                    continue
                tried.add(tuple(counts))
                moved, value = _fit(families.resample(tuple(counts)), samples, settings.powers[1:], stop)
                if value < (1 - settings.move_gain) * norm:
                    families, norm, improved = moved, value, True
        if not improved:
            move //= 2
    return families, norm
