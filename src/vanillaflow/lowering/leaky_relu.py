"""Lowering to width d with one leaky-ReLU slope per layer.

One planar map P(x) = x + a relu(w.x - t), |w| = 1, w.a != 0, becomes one layer. Let U have the first row w
and d - 1 further rows V, an orthonormal basis of the complement of a. As V a = 0, P changes only the first
coordinate of u = U x:
    U P(x) = u + e_1 (w.a) relu(u_1 - t),    so u_1 - t is stretched by kappa = 1 + w.a where it is positive.
With leaky(z) = z for z > 0 and alpha z otherwise, that stretch is, with a slope in (0, 1),
    -leaky(-(u_1 - t)), alpha = kappa,            if kappa < 1;
    kappa leaky(u_1 - t), alpha = 1 / kappa,      if kappa > 1.
The other neurons hold V x + s, with s so large that they are positive over the whole domain's image: there
the leaky ReLU is the identity. Then x = U^-1 (...) and the linear maps merge with the next layer's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from .balance import balanced
from .shears import LEAST_COSINE, LayerMaps, cosines, layer_maps
from .zonotope import lowest_values

# What counts as one slope: the rounding of a kappa, not a visible change of the map.
_SAME_SLOPE = 1e-9
MOST_CONDITION = 20.0
"""Weight matrices between two near shears that are worse conditioned are not made, if it can be helped."""
# Maps with a larger cosine are conditioned as well as those that they would be taken apart into.
_MOST_COSINE = 0.7


def lower_to_leaky_relu(flow: PlanarFlow, slope: float | None = None) -> FeedforwardNetwork:
    """The network of width d, one slope per layer, equal to `flow` on `flow.domain` up to rounding.

    With `slope` given, every layer has exactly that slope: each kappa must be `slope` or 1 / `slope` up to
    rounding, and no map a shear, as `one_slope.with_one_slope` makes them.

    Depth is the number of planar maps that have a kink, shears counting twice (see `shears`), and so does a
    near shear where the weights beside it are worse conditioned than MOST_CONDITION otherwise. Raises
    ValueError if the flow has no domain: the shifts that carry d - 1 coordinates past each activation depend
    on it. Raises ValueError, too, if a layer takes another slope than the one given.
    """
    if flow.domain is None:
        raise ValueError(
            "lowering needs the domain on which the network must equal the flow; this flow has none"
        )
    cosine = cosines(flow)
    apart = cosine < LEAST_COSINE
    while True:
        maps = layer_maps(flow, apart)
        network = _lowered(flow, flow.domain, maps, slope)
        more = _worst_near_shears(network, maps, np.where(apart, np.inf, cosine))
        if slope is not None or more.size == 0:
            return network
        apart[more] = True


def _worst_near_shears(
    network: FeedforwardNetwork, maps: LayerMaps, cosine: Float[np.ndarray, " L"]
) -> Int[np.ndarray, " k"]:
    """Of the planar maps before and after each badly conditioned weight matrix the one with less cosine.

    Infinite is the cosine of those that cannot be taken apart (any more).
    """
    bad = np.flatnonzero(network.condition_numbers() > MOST_CONDITION)
    beside = np.concatenate([[-1], maps.source, [-1]])
    pairs = np.stack([beside[bad], beside[bad + 1]], axis=1)
    of_pair = np.where(pairs < 0, np.inf, np.where(cosine[pairs] < _MOST_COSINE, cosine[pairs], np.inf))
    rows, least = np.arange(len(pairs)), of_pair.argmin(axis=1)
    return np.unique(pairs[rows, least][np.isfinite(of_pair[rows, least])])


def _lowered(flow: PlanarFlow, domain: Box, maps: LayerMaps, slope: float | None) -> FeedforwardNetwork:
    V = complements(maps.a)
    U = np.concatenate([maps.w[:, None, :], V], axis=1)
    shifts = -_lowest_pass_through(flow, domain, maps, V)
    kappa = 1.0 + np.einsum("ld,ld->l", maps.w, maps.a)
    expands = kappa > 1
    slopes = np.where(expands, 1 / kappa, kappa)
    if slope is not None:
        slopes, kappa = _one_slope(slopes, slope), np.where(expands, 1 / slope, slope)
    # Into the layer: D (U x + b); out of it: U^-1 (E y + e).
    D = np.ones((len(kappa), flow.dim))
    D[:, 0] = np.where(expands, 1.0, -1.0)
    E = D.copy()
    E[:, 0] *= np.where(expands, kappa, 1.0)
    U_inverse = np.linalg.inv(U) if len(U) else U
    b = np.concatenate([-maps.t[:, None], shifts], axis=1)
    weights, biases = [], []
    outward, offset = np.eye(flow.dim), np.zeros(flow.dim)
    for layer, (M, m) in enumerate(_affine_maps_before(flow, maps)):
        # The state before this layer, as an affine function of the previous activations.
        outward, offset = M @ outward, M @ offset + m
        if layer == len(kappa):
            break
        weights.append(D[layer, :, None] * (U[layer] @ outward))
        biases.append(D[layer] * (U[layer] @ offset + b[layer]))
        outward, offset = U_inverse[layer] * E[layer], -U_inverse[layer] @ b[layer]
    return balanced(
        FeedforwardNetwork(
            np.array([*weights, outward]),
            np.array([*biases, offset]),
            slopes,
            domain=domain,
            provenance=flow.provenance,
        )
    )


def _one_slope(slopes: Float[np.ndarray, " L"], slope: float) -> Float[np.ndarray, " L"]:
    """`slope` for each layer; raises ValueError naming the first layer that takes another one."""
    if not 0 < slope <= 1:
        raise ValueError(f"the one slope of a network must be in (0, 1], got {slope!r}")
    other = np.flatnonzero(np.abs(slopes - slope) > _SAME_SLOPE * slope)
    if other.size:
        raise ValueError(
            f"layer {other[0]} takes the slope {slopes[other[0]]:.9g}, not {slope:g}; "
            "with_one_slope turns a flow into one that takes a single slope"
        )
    return np.full(slopes.shape, float(slope))


def complements(a: Float[np.ndarray, "L d"]) -> Float[np.ndarray, "L p d"]:
    """For each a an orthonormal basis of its orthogonal complement, turned to be close to the one before.

    Close bases make the product of one layer's U with the inverse of the one before close to the identity.
    Any two bases differ by a rotation; the best one is the polar factor (orthogonal Procrustes).
    """
    L, d = a.shape
    bases = np.empty((L, d - 1, d))
    previous = np.eye(d)[1:]
    last = np.zeros(d)
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    for i in range(L):
        if min(np.abs(unit[i] - last).max(), np.abs(unit[i] + last).max()) > 1e-14:
            basis = np.linalg.svd(unit[i : i + 1])[2][1:]
            left, _, right = np.linalg.svd(previous @ basis.T)
            previous, last = left @ right @ basis, unit[i]
        bases[i] = previous
    return bases


def _lowest_pass_through(
    flow: PlanarFlow, domain: Box, maps: LayerMaps, V: Float[np.ndarray, "L p d"]
) -> Float[np.ndarray, "L p"]:
    """Sound lower bounds of V x over the image of the domain before each layer."""
    p = flow.dim - 1
    probes = np.zeros((flow.kinks, p, flow.dim))
    tilted_probes, tilts = np.zeros_like(probes), np.zeros_like(flow.a)
    tilting = np.flatnonzero(maps.undoes) - 1
    probes[maps.source[~maps.undoes]] = V[~maps.undoes]
    tilted_probes[maps.source[maps.undoes]] = V[maps.undoes]
    # In the flow's own scale of w: a relu(w.x - t) with |w| = 1 has direction a / |w| there.
    sources = maps.source[tilting]
    tilts[sources] = maps.a[tilting] / np.linalg.norm(flow.w[sources], axis=1, keepdims=True)
    low, low_tilted = lowest_values(flow, domain, probes, tilts, tilted_probes)
    return np.where(maps.undoes[:, None], low_tilted[maps.source], low[maps.source])


def _affine_maps_before(flow: PlanarFlow, maps: LayerMaps) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each layer, and after the last, the product of the affine maps since the layer before.

    A planar map without a layer of its own (w = 0, say) is among them: it translates by a relu(-t).
    """
    ends = np.concatenate([maps.source, [flow.kinks]])
    begins = np.concatenate([[-1], maps.source])
    translations = flow.a * np.maximum(-flow.t, 0)[:, None]
    products = []
    for begin, end in zip(begins, ends):
        M, m = np.eye(flow.dim), np.zeros(flow.dim)
        for stop in range(begin + 1, end + 1):
            # An affine map with stop s acts before planar map s and after planar map s - 1.
            for j in range(*np.searchsorted(flow.stops, [stop, stop + 1])):
                M, m = flow.M[j] @ M, flow.M[j] @ m + flow.m[j]
            if stop < end:
                m = m + translations[stop]
        products.append((M, m))
    return products
