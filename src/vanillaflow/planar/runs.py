"""Runs: consecutive planar maps with parallel w, which together move x by a function of one number w.x."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ..deadline import check
from ..runtime.parallel import parallel_runs
from .flow import PlanarFlow

_PROBES = 256


@dataclass(frozen=True, eq=False)
class Run:
    """Planar maps begin..end-1 of a flow, all with w_j = size_j w, |w| = 1, and nothing in between.

    `low` and `high` are the range of w.x before them; `amplification` is the most by which the flow behind
    them enlarges a small motion along w, in the max norm.
    """

    begin: int
    end: int
    w: Float[np.ndarray, " d"]
    size: Float[np.ndarray, " maps"]
    low: float
    high: float
    amplification: float


def runs_of(flow: PlanarFlow, x: Float[np.ndarray, "n d"], margin: float) -> list[Run]:
    """The runs of the flow, in order, with what the images of the points x show of them.

    Their ranges are those of the points, wider by the part `margin` on either side. Maps with w = 0 or a = 0
    are in no run.
    """
    probes = np.linspace(0, len(x) - 1, min(_PROBES, len(x))).astype(int)
    active = np.zeros((flow.kinks, len(probes)), dtype=bool)
    runs: list[Run] = []
    done = 0
    for begin, end, w in _parallel(flow):
        check()
        while done < begin:
            x = _affine(flow, done, x) + flow.a[done] * np.maximum(-flow.t[done], 0)
            done += 1
        x = _affine(flow, begin, x)
        done = end
        nu = x @ w
        low, high = float(nu.min()), float(nu.max())
        wider = margin * (high - low) + 1e-9 * (1 + abs(low) + abs(high))
        runs.append(Run(begin, end, w, flow.w[begin:end] @ w, low - wider, high + wider, 1.0))
        for j in range(begin, end):
            z = x @ flow.w[j] - flow.t[j]
            active[j] = z[probes] > 0
            x = x + np.outer(np.maximum(z, 0), flow.a[j])
    amplifications = _amplifications(flow, runs, active)
    return [replace(run, amplification=value) for run, value in zip(runs, amplifications)]


def _parallel(flow: PlanarFlow) -> Iterator[tuple[int, int, np.ndarray]]:
    """begin, end and w of each run."""
    kinked = np.any(flow.a != 0, axis=1)
    for begin, end in parallel_runs(flow.w * kinked[:, None], flow.stops):
        w = flow.w[begin] / np.linalg.norm(flow.w[begin])
        yield begin, end, w / np.linalg.norm(w)


def _affine(flow: PlanarFlow, stop: int, x: np.ndarray) -> np.ndarray:
    """The affine maps between planar maps stop - 1 and stop."""
    for q in range(*np.searchsorted(flow.stops, [stop, stop + 1])):
        x = x @ flow.M[q].T + flow.m[q]
    return x


def _amplifications(flow: PlanarFlow, runs: list[Run], active: np.ndarray) -> list[float]:
    """The largest |D(rest of the flow) w| of each run over the probes, from the last map to the first.

    `active` (L, probes) tells which probes are on the side of each kink that moves.
    """
    ends = {run.end - 1: i for i, run in enumerate(runs)}
    found = [1.0] * len(runs)
    rest = np.broadcast_to(np.eye(flow.dim), (active.shape[1], flow.dim, flow.dim))
    for j in reversed(range(flow.kinks)):
        for q in reversed(range(*np.searchsorted(flow.stops, [j + 1, j + 2]))):
            rest = rest @ flow.M[q]
        if j in ends:
            check()
            largest = float(np.max(np.abs(rest @ runs[ends[j]].w)))
            found[ends[j]] = max(largest, np.finfo(np.float64).tiny)
        rest = rest + ((rest @ flow.a[j]) * active[j][:, None])[:, :, None] * flow.w[j]
    return found
