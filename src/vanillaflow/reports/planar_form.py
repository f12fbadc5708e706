"""A network taken apart: its layers as planar maps of the state, for pictures of what each of them does."""

from __future__ import annotations

import numpy as np

from ..box import Box, search_points
from ..errors import VanillaflowError
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow

_POINTS = 2048
# How far the planar maps may be from the network, in widths of the box: what a picture does not show.
_VISIBLE = 1e-3
# Two kinks that differ by rounding, in float32 at worst.
_SAME_KINK = 1e-5


def planar_form(network: FeedforwardNetwork, box: Box) -> PlanarFlow:
    """Planar maps and a last affine map that equal the network on the box.

    A layer is u = W y + b, y' = D u + sum_i (1 - s_i) e_i relu(-+u_i), where D is the activation's slope at
    the centre of the box, and the sign such that the relu is zero there. The hidden state is kept as
    u = R z + r, where R is the network's derivative at the centre: so z has d coordinates, in which the
    network up to any layer is the identity around the centre, and every neuron that has a kink in the box is
    a planar map of z. Those without, which only carry coordinates past an activation, disappear; two layers
    that make one shear become one map.

    Raises VanillaflowError if that is not possible: a derivative is singular, or neurons of one layer of
    plain ReLUs depend on one another.
    """
    x = search_points(box, _POINTS, seed=0)
    centre = box.center
    z, a, w, t = x, [], [], []
    R, r = network.weights[0], network.biases[0]
    slopes = network.slopes if network.slopes.ndim == 2 else network.slopes[:, None]
    for W, b, slope in zip(network.weights[1:], network.biases[1:], slopes):
        sign = np.where(R @ centre + r > 0, 1.0, -1.0)
        D = np.where(sign > 0, 1.0, slope)
        # With the centre on the other side, w.z - t is positive where the relu acts.
        normals, offsets = -sign[:, None] * R, sign * r
        R, r = (W * D) @ R, W @ (D * r) + b
        crossing = np.flatnonzero(((z @ normals.T > offsets) & (slope < 1)).any(axis=0))
        steps = _solve(R, W[:, crossing] * np.broadcast_to(1 - slope, D.shape)[crossing])
        for i, step in zip(crossing, steps.T):
            a.append(step)
            w.append(normals[i])
            t.append(offsets[i])
            z = z + np.maximum(z @ normals[i] - offsets[i], 0)[:, None] * step
    a, w, t = _merge(a, w, t)
    d = network.dim
    try:
        flow = PlanarFlow(
            np.reshape(a, (-1, d)),
            np.reshape(w, (-1, d)),
            np.array(t),
            [len(t)],
            R[None],
            r[None],
            domain=box,
        )
    except ValueError as wrong:
        raise _refusal(str(wrong)) from None
    fresh = box.uniform(_POINTS, seed=1)
    apart = float(np.max(np.abs(flow(fresh) - network(fresh)) / box.width))
    if not apart < _VISIBLE:
        raise _refusal(f"its planar maps differ from it by {apart:.1g} of the box")
    return flow


def _merge(a: list, w: list, t: list) -> tuple[list, list, list]:
    """The same with two maps that have the same kink made into one, if those between them commute with it.

    Where w' = c w and t' = c t, c > 0, the second one adds a' c relu(kappa (w.x - t)).
    """
    maps: list[tuple] = []
    for step, normal, offset in zip(a, w, t):
        for k in range(len(maps) - 1, -1, -1):
            first, earlier, at = maps[k]
            c = np.linalg.norm(normal) / np.linalg.norm(earlier)
            apart = np.max(np.abs(np.append(normal, offset) - c * np.append(earlier, at)))
            if apart <= _SAME_KINK * max(np.linalg.norm(normal), abs(offset)):
                maps[k] = (first + c * (1 + earlier @ first) * step, earlier, at)
                break
            if not _commute((step, normal), (first, earlier)):
                maps.append((step, normal, offset))
                break
        else:
            maps.append((step, normal, offset))
    return [a for a, _, _ in maps], [w for _, w, _ in maps], [t for *_, t in maps]


def _commute(one: tuple, other: tuple) -> bool:
    """Whether neither of two planar maps (a, w) moves the kink of the other."""
    (a, w), (b, v) = one, other
    sizes = np.linalg.norm(a) * np.linalg.norm(v), np.linalg.norm(b) * np.linalg.norm(w)
    return bool(abs(v @ a) <= _SAME_KINK * sizes[0] and abs(w @ b) <= _SAME_KINK * sizes[1])


def _solve(R: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The steps of z that move R z by the columns."""
    solution, _, rank, _ = np.linalg.lstsq(R, columns, rcond=None)
    if rank < R.shape[1]:
        raise _refusal("its derivative is singular")
    return solution


def _refusal(reason: str) -> VanillaflowError:
    return VanillaflowError(
        f"this network cannot be shown kink by kink ({reason}); report on the .safetensors file of its flow"
    )
