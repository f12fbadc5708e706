"""Sound ranges of linear functions of the state along a PlanarFlow, over every point of its domain.

The domain is cut into cells; each is carried through the maps as a zonotope
    { c + sum_i e_i g_i, |e_i| <= 1 }.
Affine maps act exactly. Consecutive planar maps with parallel w, a run, move x by F(nu), nu = w.x: F is
piecewise linear and known exactly at its breaks, the nodes. Where nu ranges over [l, u],
    F(nu) = F(l) + S (nu - l) + deviation,   S = (F(u) - F(l)) / (u - l) the chord,
so the chord acts exactly and the deviation, which is extreme at nodes, needs new symbols: one, along a, for
a single map or for parallel a. Taken one by one, the maps of a run lose what they undo of one another: an up
kink by 100 with a down kink behind it, the identity, would enlarge the zonotope 42 times. Zonotopes with too
many generators are reduced by boxing the smallest (Girard 2005).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from .flow import PlanarFlow, concatenate
from .zonotope_cells import Run, Zonotopes

_MOST_CELLS = 256
_CELL_BUDGET = 2**18
_MOST_GENERATORS = 160
# Rounding of the bounds themselves: many orders above what float64 arithmetic on them can lose.
_SLACK = 1e-9
# Rounding of what is parallel, in each coordinate: the bounds here must hold, in any units.
_PARALLEL = 1e-13


def lowest_values(
    flow: PlanarFlow,
    domain: Box,
    places: Int[np.ndarray, " S"],
    probes: Float[np.ndarray, "S p d"],
    tilted_places: Int[np.ndarray, " R"],
    tilts: Float[np.ndarray, "R d"],
    tilted_probes: Float[np.ndarray, "R q d"],
) -> tuple[Float[np.ndarray, "S p"], Float[np.ndarray, "R q"]]:
    """Lower bounds of the probes' values over the domain's image, just before the planar maps of `places`.

    First result: min over the image of probes[s, i] . x before planar map places[s]. Second: the same of
    tilted_probes[r, i] after planar map tilted_places[r] with direction tilts[r] instead of its own. No place
    is asked for twice in one of them.
    """
    low, low_tilted = (np.full(each.shape[:2], np.inf) for each in (probes, tilted_probes))
    if low.size == 0 and low_tilted.size == 0:
        return low, low_tilted
    # A cell costs of the order of d^3 per planar map.
    count = min(_MOST_CELLS, max(1, _CELL_BUDGET // domain.dim**3))
    zonotopes = Zonotopes(*cells(domain, count), max(_MOST_GENERATORS, 4 * domain.dim))
    row, tilted_row = (
        {place: i for i, place in enumerate(each.tolist())} for each in (places, tilted_places)
    )
    affine: dict[int, list[int]] = {stop: [] for stop in flow.stops.tolist()}
    for k, stop in enumerate(flow.stops.tolist()):
        affine[stop].append(k)
    run = None
    for layer, (a, w, t, size) in enumerate(zip(flow.a, flow.w, flow.t, _sizes(flow))):
        if run is None or size == 0:
            if run is not None:
                zonotopes.fold(run)
            for k in affine.get(layer, ()):
                zonotopes.move(flow.M[k], flow.m[k])
            run, size = Run(zonotopes, w), 1.0
        if layer in row:
            r = row[layer]
            low[r] = run.lowest(zonotopes, probes[r])
        if layer in tilted_row:
            r = tilted_row[layer]
            low_tilted[r] = run.tilt(tilts[r], t, size).lowest(zonotopes, tilted_probes[r])
        run.kink(a, t, size)
    return low - _SLACK * (1 + np.abs(low)), low_tilted - _SLACK * (1 + np.abs(low_tilted))


def image_box(flow: PlanarFlow) -> Box:
    """A box that holds the flow's image of its domain. Raises ValueError if it has none."""
    if flow.domain is None:
        raise ValueError("only a flow with a domain has an image")
    d = flow.dim
    # One planar map more, so that there is a place after all the others.
    whole = concatenate([flow, PlanarFlow(np.zeros((1, d)), np.eye(d)[:1], np.zeros(1))])
    low = lowest_before(
        whole, flow.domain, np.array([flow.kinks]), np.concatenate([np.eye(d), -np.eye(d)])[None]
    )
    return Box(low[0, :d], -low[0, d:])


def lowest_before(
    flow: PlanarFlow, domain: Box, places: Int[np.ndarray, " S"], probes: Float[np.ndarray, "S p d"]
) -> Float[np.ndarray, "S p"]:
    """The first result of `lowest_values`, when that is all."""
    none = np.zeros(0, dtype=np.int64), np.zeros((0, flow.dim)), np.zeros((0, 0, flow.dim))
    return lowest_values(flow, domain, places, probes, *none)[0]


def _sizes(flow: PlanarFlow) -> Float[np.ndarray, " L"]:
    """0 where a run starts; elsewhere the factor by which w[l] is that of the map that starts the run."""
    size, start = np.zeros(flow.kinks), 0
    stops = set(flow.stops.tolist())
    for layer in range(1, flow.kinks):
        w, first = flow.w[layer], flow.w[start]
        square = first @ first
        factor = (w @ first) / square if square > 0 else 0.0
        parallel = np.all(np.abs(w - factor * first) <= _PARALLEL * np.abs(w))
        if parallel and factor != 0 and layer not in stops:
            size[layer] = factor
        else:
            start = layer
    return size


def cells(domain: Box, most: int) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Centers and half-widths of up to `most` equal cells, halving the widest coordinate again and again."""
    counts = np.ones(domain.dim, dtype=np.int64)
    while counts.prod() * 2 <= most:
        counts[np.argmax(domain.width / counts)] *= 2
    half = domain.width / counts / 2
    # Cell number q has the mixed-radix digits (q // strides) % counts as its place along each coordinate.
    strides = np.cumprod(np.concatenate([[1], counts[:-1]]))
    place = np.arange(counts.prod())[:, None] // strides % counts
    centers = domain.low + half * (2 * place + 1)
    return centers, np.broadcast_to(half, centers.shape).copy()
