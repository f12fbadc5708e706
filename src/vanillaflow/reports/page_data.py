"""The numbers of a report as the page reads them, in as much detail as a file of three megabytes holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fields.ridge import RidgeField
from ..planar.flow import PlanarFlow
from .arrays import encode
from .contents import Contents
from .slices import Slice, slice_points

# Of the file's three million characters; the rest is for text, style and program.
_MOST, _MOST_OF_A_FIELD = 2_300_000, 500_000
# Where the maps themselves are too many: the grid at so many depths.
_LEAST_FRAMES, _MOST_FRAMES = 2, 17


def page_data(contents: Contents) -> dict[str, Any]:
    """What the page's scripts need. The maps in float64 if they fit, else in float32, else without the
    network's layers, else only the grid at some depths; `precision` says which."""
    data = _data(contents)
    rest = _characters(data)
    for dtype, layers in (("float64", True), ("float32", True), ("float32", False)):
        bytes_each = np.dtype(dtype).itemsize
        count = _count(contents.flow) + (contents.network.parameters if layers else 0)
        if rest + count * bytes_each * 4 / 3 <= _MOST:
            maps = _maps(contents, dtype)
            return data | maps | ({"network": _network(contents, dtype)} if layers else {})
    a_frame = sum(part.exact.size for part in contents.slices) * 4 * 4 / 3
    count = int(min(_MOST_FRAMES, max(_LEAST_FRAMES, (_MOST - rest) // a_frame)))
    return data | {"precision": "frames", "frames": _frames(contents, count)}


def _data(contents: Contents) -> dict[str, Any]:
    target, certificate = contents.target, contents.certificate
    field = _field(contents)
    return {
        "dim": target.dim,
        "variables": list(contents.system.variables),
        "low": target.domain.low.tolist(),
        "high": target.domain.high.tolist(),
        "duration": target.duration,
        "kinks": contents.flow.kinks,
        "slices": [_slice(part) for part in contents.slices],
        "field": field,
        "stored": [
            {
                "starts": part.starts,
                "times": part.times.tolist(),
                "states": encode(part.states, "float32"),
            }
            for part in contents.stored
        ],
        "worst": {
            "point": certificate.worst_point.tolist(),
            "error": float(np.nan_to_num(certificate.largest)),
        },
    }


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "pair": list(part.pair),
        "side": part.side,
        "every": part.every,
        "exact": encode(part.exact, "float32"),
        "error": encode(part.error, "float32"),
    }


def _maps(contents: Contents, dtype: str) -> dict[str, Any]:
    flow, root = contents.flow, contents.root
    arrays = {name: encode(getattr(flow, name), dtype) for name in ("a", "w", "t", "M", "m")}
    return {
        "precision": dtype,
        "flow": arrays | {"stops": flow.stops.tolist()},
        "root": None if root is None else encode(root, "float64"),
    }


def _network(contents: Contents, dtype: str) -> dict[str, Any]:
    network = contents.network
    return {
        "weights": [encode(W, dtype) for W in network.weights],
        "biases": [encode(b, dtype) for b in network.biases],
        "slopes": encode(network.slopes, dtype),
    }


def _field(contents: Contents) -> list[dict[str, Any]] | None:
    """The pieces of the field in time, if the page can integrate it."""
    if contents.ode is None:
        return None
    field = [_ridges(part) | {"length": length, "steps": n} for part, length, n in contents.ode.segments]
    return field if _characters(field) <= _MOST_OF_A_FIELD else None


def _ridges(field: RidgeField) -> dict[str, Any]:
    arrays = {name: encode(getattr(field, name), "float64") for name in ("A", "c", "a", "w", "b")}
    return arrays | {"profiles": [profile.name for profile in field.profiles]}


def _frames(contents: Contents, count: int) -> dict[str, Any]:
    """The grid of every slice after 0, ..., all planar maps, at so many depths, evaluated here."""
    flow, box = contents.flow, contents.target.domain
    depths = np.unique(np.linspace(0, flow.kinks, count).astype(int))
    grids = []
    for part in contents.slices:
        x = slice_points(box, part.pair, part.side)[part.lines]
        states, done = [x], 0
        for depth in depths[1:]:
            states.append(flow[done:depth](states[-1]))
            done = depth
        grids.append(encode(np.stack(states)[:, :, list(part.pair)], "float32"))
    return {"depths": depths.tolist(), "grids": grids}


def _count(flow: PlanarFlow) -> int:
    return flow.a.size + flow.w.size + flow.t.size + flow.M.size + flow.m.size


def _characters(value: Any) -> int:
    """How long its JSON is, nearly."""
    if isinstance(value, dict):
        return sum(_characters(key) + _characters(part) + 2 for key, part in value.items())
    if isinstance(value, list):
        return sum(_characters(part) + 1 for part in value)
    return len(str(value))
