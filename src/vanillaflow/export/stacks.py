"""The layers of an export: rounded, cut to the outputs, consecutive ones of one shape stacked."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np

from ..network.feedforward import FeedforwardNetwork
from ..network.precision import first_outputs, rounded_layers


class Stack(NamedTuple):
    """k consecutive layers of one shape, x -> max(z, slope z) with z = W x + b, for slopes in [0, 1].

    W (k, rows, columns), b (k, rows), slope (k, rows): a number per neuron. The last layer of a network,
    which is affine, has slope 1, as max(z, z) = z: a loop over layers needs no exception.
    """

    W: np.ndarray
    b: np.ndarray
    slope: np.ndarray


def stacked_layers(network: FeedforwardNetwork, dtype: str, outputs: int | None = None) -> list[Stack]:
    """All layers in order, in `dtype` ("float32" or "float64"); a network of one width makes one Stack.

    With `outputs` the last layer gives only the first so many coordinates. Raises ValueError as
    `rounded_layers` does, and for a wrong number of outputs.
    """
    weights, biases, slopes = rounded_layers(network, dtype)
    kept = first_outputs(network, outputs)
    layers = [
        (W, b, np.broadcast_to(np.asarray(slope, dtype), b.shape))
        for W, b, slope in zip(weights, biases, [*slopes, 1.0])
    ]
    W, b, slope = layers[-1]
    layers[-1] = W[:kept], b[:kept], slope[:kept]
    return [
        Stack(*(np.stack(parts) for parts in zip(*run)))
        for _, run in groupby(layers, key=lambda layer: layer[0].shape)
    ]
