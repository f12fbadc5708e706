"""One activation layer as a map of the state, and how such maps become the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow


@dataclass(frozen=True, eq=False)
class Layer:
    """x -> outward sigma(inward x + bias) + shift; sigma(z) is z where z > 0, slopes * z elsewhere."""

    inward: Float[np.ndarray, "n d"]
    bias: Float[np.ndarray, " n"]
    slopes: Float[np.ndarray, " n"]
    outward: Float[np.ndarray, "d n"]
    shift: Float[np.ndarray, " d"]


def chain(
    flow: PlanarFlow, layers: Sequence[Layer], places: Sequence[int], dialect: str, width: int
) -> FeedforwardNetwork:
    """The network of the layers, with the flow's affine maps between them.

    `places` are the planar maps of the flow with which the layers begin; affine maps that act before that one
    act before the layer. Linear maps that follow one another merge, so that they cost nothing.
    """
    d = flow.dim
    weights, biases, done = [], [], 0
    outward, shift = np.eye(d), np.zeros(d)
    for layer, place in zip(layers, places):
        outward, shift, done = _carry(flow, outward, shift, done, place)
        weights.append(layer.inward @ outward)
        biases.append(layer.inward @ shift + layer.bias)
        outward, shift = layer.outward, layer.shift
    outward, shift, _ = _carry(flow, outward, shift, done, flow.kinks)
    shape = (len(layers), width)
    slopes = np.array([layer.slopes for layer in layers]).reshape(shape)
    return FeedforwardNetwork(
        [*weights, outward],
        [*biases, shift],
        slopes[:, 0] if DIALECTS[dialect].slopes_per_layer else slopes,
        domain=flow.domain,
        provenance=flow.provenance,
        dialect=dialect,
    )


def _carry(
    flow: PlanarFlow, outward: np.ndarray, shift: np.ndarray, done: int, place: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """The linear map, followed by the flow's affine maps from number `done` to those before planar map
    `place`; and the number of the next one."""
    end = int(np.searchsorted(flow.stops, place, side="right"))
    for j in range(done, end):
        outward, shift = flow.M[j] @ outward, flow.M[j] @ shift + flow.m[j]
    return outward, shift, end
