"""Affine forms of a FeedforwardNetwork over cells, with the rounding of its own arithmetic.

A cell { c + sum_j h_j e_j } goes through the layers as a zonotope with the symbols e_j. Where a neuron's z
has one sign on it, the activation is linear. Where z ranges over [l, u] with l < 0 < u, leaky(z) lies between
its chord and the parallel to it through 0. What that leaves open, and what the neuron's sum may be off by
rounding, is one more symbol, so that later layers carry it along: bounds that are multiplied by the sizes of
the weights, layer by layer, would grow beyond all use.

Underflow: a product or sum below the smallest normal number may be flushed to 0, and so may a number below it
that is read, a weight as well as a state; each of these is in the error of its neuron. Overflow: the forms of
a cell are infinite as soon as a state or a sum of the sizes of a neuron's terms, which no partial sum exceeds
in any order, could pass the largest number of the type.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float
from numba import njit

from ..network.feedforward import FeedforwardNetwork
from ..network.precision import rounded_layers
from ..runtime.threads import own_threads, parts_of, side_by_side
from .forms import TINY, UP, Forms

_LEAST_CELLS = 16
# Of float64: differences of what does not pass it are finite, too.
_MOST = float(np.finfo(np.float64).max) / 8


def layer_forms(
    network: FeedforwardNetwork,
    dtype: str,
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
) -> Forms:
    """d forms in d symbols for each of n cells: the network with numbers and arithmetic of `dtype`, with sums
    in any order, and its inputs rounded to that precision; infinite where something may overflow."""
    n, d = centers.shape
    weights, biases, slopes = _pad(network, dtype)
    c, g, r = np.empty((d, n)), np.empty((d, d, n)), np.empty((d, n))
    info = np.finfo(dtype)
    limits = 0.5 * float(info.eps), float(info.tiny), min(float(info.max), _MOST)

    def run(part: slice) -> None:
        _carry(
            centers[part],
            halves[part],
            weights,
            biases,
            slopes,
            *limits,
            c[:, part],
            g[:, :, part],
            r[:, part],
        )

    with own_threads():
        side_by_side([partial(run, part) for part in parts_of(n, _LEAST_CELLS)])
    return Forms(c, g, r * UP)


def _pad(network: FeedforwardNetwork, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The network's numbers in that precision, as float64, layers filled up with zeros to one width.

    A neuron of zeros stays 0. The last layer has slope 1.
    """
    weights, biases, slopes = rounded_layers(network, dtype)
    size = max(network.dim, network.width)
    W, b = np.zeros((len(weights), size, size)), np.zeros((len(weights), size))
    for layer, (matrix, vector) in enumerate(zip(weights, biases)):
        W[layer, : matrix.shape[0], : matrix.shape[1]], b[layer, : vector.size] = matrix, vector
    every = np.ones((len(weights), size))
    if network.depth:
        every[:-1] = slopes[:, None] if slopes.ndim == 1 else slopes
    return W, b, every


@njit(cache=True, nogil=True)
def _carry(centers, halves, weights, biases, slopes, unit, tiny, most, out_c, out_g, out_r):
    cells, d = centers.shape
    layers, n = biases.shape
    # Sums of n products and a bias, each rounded n + 1 times; then what is computed here, and its own sums.
    u = (n + 1) * (1.0 + 2.0**-10) * unit + (n + 3) * 2.0**-51
    c, row, size, reach, lost = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    # What underflows at one operation: in the network's arithmetic, and in that of float64 here.
    floor = tiny + TINY
    G = np.empty((d + n * (layers + 1), n))
    for cell in range(cells):
        for i in range(n):
            c[i] = centers[cell, i] if i < d else 0.0
            for j in range(d):
                G[j, i] = halves[cell, j] if i == j else 0.0
        count = d
        # The input is rounded, too.
        for j in range(d):
            for i in range(n):
                G[count, i] = unit * (abs(c[j]) + halves[cell, j]) + floor if i == j else 0.0
            count += 1
        finite = True
        for layer in range(layers):
            for j in range(n):
                reach[j] = abs(c[j])
                for b in range(count):
                    reach[j] += abs(G[b, j])
                finite = finite and reach[j] <= most
            for i in range(n):
                size[i] = abs(biases[layer, i])
                # Of each sum, and of the bias that is read.
                lost[i] = 2.0 * floor if size[i] > 0.0 else 0.0
                for j in range(n):
                    w = abs(weights[layer, i, j])
                    # A product with 0 is exact, so that neurons of zeros stay 0.
                    if w > 0.0 and reach[j] > 0.0:
                        size[i] += w * reach[j]
                        lost[i] += floor * (3.0 + w) + (w * reach[j] if w < tiny else 0.0)
                finite = finite and size[i] * (1.0 + u) + lost[i] <= most
            if not finite:
                break
            for b in range(-1, count):
                for i in range(n):
                    row[i] = biases[layer, i] if b < 0 else 0.0
                    for j in range(n):
                        row[i] += weights[layer, i, j] * (c[j] if b < 0 else G[b, j])
                for i in range(n):
                    if b < 0:
                        c[i] = row[i]
                    else:
                        G[b, i] = row[i]
            fresh = count
            for i in range(n):
                error = u * size[i] + lost[i] * (1.0 + 2.0**-10)
                spread = error
                for b in range(fresh):
                    spread += abs(G[b, i])
                spread *= 1.0 + 2.0**-40
                low, high, slope = c[i] - spread, c[i] + spread, slopes[layer, i]
                chord, gap = 1.0, 0.0
                if high <= 0.0:
                    chord = slope
                elif low < 0.0:
                    chord = (high - slope * low) / (high - low)
                    # The chord at 0, which is as far as leaky(z) is from it: (1 - chord) high.
                    # With the quotient that is at least 1/2: neither it nor the product underflows early.
                    if high > -low:
                        gap = (1.0 - slope) * (-low) * (high / (high - low))
                    else:
                        gap = (1.0 - slope) * high * (-low / (high - low))
                if chord != 1.0:
                    for b in range(fresh):
                        G[b, i] *= chord
                    c[i] = chord * c[i] + 0.5 * gap
                # The activation is no steeper than 1; it rounds the product with the slope once more.
                error += 0.5 * gap + (unit + 2.0**-50) * (abs(c[i]) + spread)
                if error > 0.0:
                    # And may underflow at that; a slope below the smallest normal number may be read as 0.
                    error += 3.0 * floor + (slope * spread if slope < tiny else 0.0)
                if error > 0.0:
                    for j in range(n):
                        G[count, j] = error if j == i else 0.0
                    count += 1
        for i in range(d):
            out_c[i, cell] = c[i] if finite else 0.0
            rest = 0.0
            for b in range(d, count):
                rest += abs(G[b, i])
            out_r[i, cell] = rest * (1.0 + 2.0**-40) if finite else np.inf
            for j in range(d):
                out_g[j, i, cell] = G[j, i] if finite else 0.0
