"""Networks of width d: layers whose first neurons have the kinks and whose others pass the state on.

A layer holds k planar maps that commute, P(x) = x + sum_i a_i relu(w_i.x - t_i) with |w_i| = 1, w_i.a_i != 0
and w_i.a_j = 0 for i != j. Let U have the first rows w_1..w_k and d - k further rows V, an orthonormal basis
of the complement of the a_i. As V a_i = 0, P changes only the first k coordinates of u = U x:
    U P(x) = u + sum_i e_i (w_i.a_i) relu(u_i - t_i),
so u_i - t_i is stretched by kappa_i = 1 + w_i.a_i where it is positive. With leaky(z) = z for z > 0 and
alpha z otherwise, that stretch is, with a slope in (0, 1),
    -leaky(-(u_i - t_i)), alpha = kappa_i,         if kappa_i < 1;
    kappa_i leaky(u_i - t_i), alpha = 1 / kappa_i, if kappa_i > 1.
The other neurons hold V x, which must pass unchanged: with slope 1, or shifted by so much that they are
positive wherever the layer is used. Then x = U^-1 (...), and the linear maps merge with the next layer's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..planar.normal_form import normal_form
from ..planar.pushing import push
from ..planar.shears import LEAST_COSINE, Kinks, cosines, holdable
from ..planar.zonotope import lowest_values
from .balance import equilibrate
from .complements import complements
from .layer import Layer, chain
from .packing import Fits, in_order, pack

MOST_CONDITION = 20.0
"""Weight matrices between two near shears that are worse conditioned are not made, if it can be helped."""
# Maps with a larger cosine are conditioned as well as those that they would be taken apart into.
_MOST_COSINE = 0.7
# Moved across a dense affine map, planar maps with few nonzero numbers have many, so that hardly two of them
# commute any more, which takes long to find. For so few in all it does not matter.
_MOST_NONZEROS, _FEW_NONZEROS = 4, 2**16
# What counts as one slope where maps share a layer that has one: the rounding of a kappa.
_SAME_SLOPE = 1e-12


@dataclass(frozen=True, eq=False)
class Stage:
    """One layer to be: kinks that come from planar maps begin..end-1 of the flow in the order of its layers.

    `undoes` says that the layer takes back the tilts of the one before, which comes from the same maps.
    """

    kinks: Kinks
    begin: int
    end: int
    undoes: bool


def square_network(flow: PlanarFlow, dialect: str, slope: float | None = None) -> FeedforwardNetwork:
    """The network of width d that equals `flow`, which must be in `normal_form`; see the module.

    dialect="leaky_relu": one slope a layer, which is `slope` if that is given, and shifts that hold on the
    flow's domain, which it must have. dialect="prelu": slopes of 1 instead of shifts.

    Affine maps are moved out of the way (see `pushing`) where that saves layers.

    A near shear is taken apart (see `shears`), too, where the weights beside it are worse conditioned than
    MOST_CONDITION otherwise.
    """
    if flow.stops.size:
        candidates = [flow, normal_form(push(flow))]
        if _nonzeros(candidates[1]) <= _MOST_NONZEROS * _nonzeros(flow):
            flow = min(candidates, key=lambda f: _layer_count(f, dialect, slope))
    cosine = cosines(flow)
    apart = cosine < LEAST_COSINE
    while True:
        groups = _groups(flow, apart, dialect, slope)
        ordered, stages = _stages(flow, groups, apart)
        layers = _layers(ordered, stages, dialect, slope)
        places = [stage.begin for stage in stages]
        network = equilibrate(chain(ordered, layers, places, dialect, flow.dim))
        order = np.concatenate([np.zeros(0, dtype=int), *groups])
        more = _worst_near_shears(network, stages, order, np.where(apart, np.inf, cosine))
        if slope is not None or more.size == 0:
            return network
        apart[more] = True


def _nonzeros(flow: PlanarFlow) -> int:
    return max(int(np.count_nonzero(flow.a) + np.count_nonzero(flow.w)), _FEW_NONZEROS)


def _groups(
    flow: PlanarFlow, apart: Bool[np.ndarray, " L"], dialect: str, slope: float | None
) -> list[Int[np.ndarray, " _"]]:
    """The planar maps that share layers."""
    return pack(flow, _one_slope_fits(flow, apart, slope) if dialect == "leaky_relu" else None)


def _layer_count(flow: PlanarFlow, dialect: str, slope: float | None) -> int:
    apart = cosines(flow) < LEAST_COSINE
    return sum(1 + int(np.any(apart[group])) for group in _groups(flow, apart, dialect, slope))


def _one_slope_fits(flow: PlanarFlow, apart: Bool[np.ndarray, " L"], slope: float | None) -> Fits:
    """Maps share a layer of one slope if theirs agree; those taken apart if their kappas do."""
    kappa = flow.kappa if slope is None else np.ones(flow.kinks)
    asked: list[float] = np.where(apart, kappa, np.minimum(kappa, 1 / kappa)).tolist()
    tilted: list[bool] = apart.tolist()

    def fits(first: int, i: int) -> bool:
        return tilted[first] == tilted[i] and abs(asked[first] - asked[i]) <= _SAME_SLOPE * asked[i]

    return fits


def _stages(
    flow: PlanarFlow, groups: list[Int[np.ndarray, " _"]], apart: Bool[np.ndarray, " L"]
) -> tuple[PlanarFlow, list[Stage]]:
    """The flow in the order of the groups, and the layers that it becomes."""
    stages, end = [], 0
    for group in groups:
        begin, end = end, end + len(group)
        for number, kinks in enumerate(holdable(flow.a[group], flow.w[group], flow.t[group], apart[group])):
            stages.append(Stage(kinks, begin, end, undoes=number == 1))
    return in_order(flow, groups), stages


def _layers(flow: PlanarFlow, stages: list[Stage], dialect: str, slope: float | None) -> list[Layer]:
    V = complements([stage.kinks.a for stage in stages])
    if dialect == "prelu":
        shifts = [np.zeros(len(v)) for v in V]
    else:
        shifts = [-low for low in _lowest_pass_through(flow, stages, V)]
    return [_layer(stage.kinks, v, shift, dialect, slope) for stage, v, shift in zip(stages, V, shifts)]


def _layer(
    kinks: Kinks,
    V: Float[np.ndarray, "p d"],
    shift: Float[np.ndarray, " p"],
    dialect: str,
    slope: float | None,
) -> Layer:
    k, d = kinks.w.shape
    U = np.concatenate([kinks.w, V])
    kappa = 1 + np.einsum("kd,kd->k", kinks.w, kinks.a)
    expands = kappa > 1
    slopes = np.ones(d)
    slopes[:k] = np.where(expands, 1 / kappa, kappa)
    if dialect == "leaky_relu":
        # The kappas may differ by their rounding.
        slopes[:] = slopes[0] if slope is None else slope
        kappa = np.where(expands, 1 / slopes[0], slopes[0])
    # Into the layer: D (U x + b); out of it: U^-1 (E y - b).
    D, E = np.ones(d), np.ones(d)
    D[:k] = np.where(expands, 1.0, -1.0)
    E[:k] = np.where(expands, kappa, -1.0)
    b = np.concatenate([-kinks.t, shift])
    inverse = np.linalg.inv(U)
    return Layer(D[:, None] * U, D * b, slopes, inverse * E, -inverse @ b)


def _lowest_pass_through(
    flow: PlanarFlow, stages: list[Stage], V: list[Float[np.ndarray, "_ d"]]
) -> list[Float[np.ndarray, " _"]]:
    """Sound lower bounds of V x over the image of the domain before each layer.

    A layer leaves its V x as it is. So before a layer that undoes tilts it is what it is behind that layer,
    where the state is again one of the flow: behind the last of the planar maps that both layers stand for.
    """
    undoes = np.array([stage.undoes for stage in stages], dtype=bool)
    before = np.array([stage.begin for stage in stages if not stage.undoes], dtype=np.int64)
    behind = np.array([stage.end - 1 for stage in stages if stage.undoes], dtype=np.int64)
    # As many rows for each stage as the longest V has.
    probes = np.zeros((len(stages), max((len(v) for v in V), default=0), flow.dim))
    for row, v in zip(probes, V):
        row[: len(v)] = v
    assert flow.domain is not None
    lowest = np.zeros(probes.shape[:2])
    lowest[~undoes], lowest[undoes] = lowest_values(
        flow, flow.domain, before, probes[~undoes], behind, flow.a[behind], probes[undoes]
    )
    return [low[: len(v)] for low, v in zip(lowest, V)]


def _worst_near_shears(
    network: FeedforwardNetwork,
    stages: list[Stage],
    order: Int[np.ndarray, " L"],
    cosine: Float[np.ndarray, " L"],
) -> Int[np.ndarray, " k"]:
    """Of the planar maps before and after each badly conditioned weight matrix the one with least cosine.

    Infinite is the cosine of those that cannot be taken apart (any more). `order` numbers the maps of the
    stages as `cosine` does.
    """
    maps = [order[stage.begin : stage.end] for stage in stages]
    worst: set[int] = set()
    for bad in np.flatnonzero(network.condition_numbers() > MOST_CONDITION).tolist():
        beside = [i for group in maps[max(bad - 1, 0) : bad + 1] for i in group if cosine[i] < _MOST_COSINE]
        worst |= {min(beside, key=lambda i: cosine[i])} if beside else set()
    return np.array(sorted(worst), dtype=int)
