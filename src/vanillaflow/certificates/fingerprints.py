"""Which network and which system a certificate is about: hashes that anybody can compute again.

A network is its numbers, and its hash that of every bit of them. A system may be equations, a torch module or
any function, so it is told by what it does: the values of its field at fixed points of the box and times of
the duration, with the box and the duration. Two descriptions of one system have one hash, on every machine,
as the values are rounded first; once in about ten thousand times they lie on the edge of rounding and have
two.

What that cannot tell: fields that differ by less than the rounding, 1e-8 of their size, or only between the
points that are looked at. Who wants to deceive can make such a field: the hash detects mistakes, and a
certificate for another system, in a system that is honest about itself.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ..fields.in_time import values_at
from ..files.checksum import checksum
from ..network.feedforward import FeedforwardNetwork
from ..network.precision import rounded_layers
from ..planar.flow import PlanarFlow
from ..target import FlowMap, Target

_POINTS = 16
# Parts of each span between switches; no special times, at which a forcing may vanish.
_FRACTIONS = (0.0, 0.367879, 0.810031)
# Digits relative to the largest value of each coordinate. A flow without a field comes from a solver or from
# the solution of a linear system, which agree to fewer digits between machines.
_FIELD_DIGITS, _FLOW_DIGITS = 8, 5
# A coordinate this much smaller than the largest is taken for the rounding of a zero.
_NOTHING = 1e-6


def network_hash(flow: PlanarFlow | FeedforwardNetwork, dtype: str = "float64") -> str:
    """SHA-256, in hexadecimal, of the kind and of all numbers of a flow or network, rounded to `dtype`.

    A flow and its network have different hashes: they agree to rounding only, as a file in float32 and the
    network that it was made from do. Domain and provenance do not enter. Raises ValueError as
    `rounded_layers` does, and for a PlanarFlow in any but "float64".
    """
    if isinstance(flow, FeedforwardNetwork):
        weights, biases, slopes = rounded_layers(flow, dtype)
        layers = {f"W{i}": W for i, W in enumerate(weights)} | {f"b{i}": b for i, b in enumerate(biases)}
        return checksum({"kind": "feedforward_network"}, layers | {"slopes": slopes})
    if dtype != "float64":
        raise ValueError(f"a PlanarFlow is evaluated in float64; for {dtype} take its network")
    arrays = {name: getattr(flow, name) for name in ("a", "w", "t", "stops", "M", "m")}
    return checksum({"kind": "planar_flow"}, arrays)


def system_hash(target: Target) -> str:
    """SHA-256, in hexadecimal, of the box, the duration and the rounded values of the field on them.

    Where there is no field, as for a flow that is known by samples, the flow's own values take its place.
    """
    box, duration = target.domain, float(target.duration)
    x = box.from_unit(_lattice(_POINTS, box.dim))
    switches = np.zeros(0)
    if not isinstance(target, FlowMap):
        values = _round(target(x), _FLOW_DIGITS)
    else:
        field = target.field
        switches = np.array([float(t) for t in getattr(field, "times", ()) if 0 < t < duration])
        spans = pairwise([0.0, *switches, duration])
        times = [start + part * (end - start) for start, end in spans for part in _FRACTIONS]
        values = _round(np.concatenate([values_at(field, t, x) for t in times]), _FIELD_DIGITS)
    header = {"dim": box.dim, "duration": duration}
    return checksum(header, {"low": box.low, "high": box.high, "switches": switches, "values": values})


def _lattice(n: int, dim: int) -> Float[np.ndarray, "n d"]:
    """n points of the open unit cube, the same wherever and whenever they are computed.

    Kronecker's sequence, the fractional parts of 1/2 + k (1/g, 1/g^2, ..., 1/g^d), with g^(d+1) = g + 1.
    """
    g = 1.5
    for _ in range(100):
        g = (1 + g) ** (1 / (dim + 1))
    return (0.5 + np.outer(np.arange(1, n + 1), g ** -np.arange(1.0, dim + 1))) % 1.0


def _round(values: np.ndarray, digits: int) -> np.ndarray:
    """(n, d) whole numbers: the values in units of 10^-digits of the power of ten nearest each column's
    largest.

    So the unit is hardly ever in doubt, and a value near zero is not asked for digits that are noise. What is
    not a number, or infinite, has a number of its own.
    """
    finite = np.isfinite(values)
    largest = np.where(finite, np.abs(values), 0.0).max(axis=0)
    largest = np.maximum(largest, _NOTHING * largest.max())
    largest[largest == 0] = 1.0
    unit = 10.0 ** (np.rint(np.log10(largest)) - digits)
    rounded = np.rint(np.where(finite, values, 0.0) / unit).astype(np.int64)
    for code, odd in enumerate((np.isnan(values), np.isposinf(values), np.isneginf(values))):
        rounded[odd] = 2**62 + code
    return rounded
