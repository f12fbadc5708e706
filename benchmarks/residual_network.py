"""The peer of the textbooks: forward Euler steps of the field, each a block of a residual network.

One step, x <- x + (T/n) (A x + c + sum_k a_k g_k(w_k . x + b_k)), is a residual block with one hidden layer
of N neurons, N the number of ridges, whose activations are the field's own g_k (tanh, sine, cube, ...: not
piecewise linear), beside the skip connection. Depth counts blocks, so activation layers, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vanillaflow import FlowMap
from vanillaflow.box import search_points
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.fields.ridge import RidgeField, ridge_segments

MOST_STEPS = 2**17
_SAMPLES = 1024
_COORDINATES = 2**14


@dataclass(frozen=True)
class ResidualNetwork:
    """`steps` forward Euler steps over the duration of `target`, whose field must be ridge segments."""

    target: FlowMap
    steps: int

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        x = x.copy()
        with np.errstate(all="ignore"):  # Too few steps of a cubic field overflow: an infinite error.
            for field, blocks, length in self._segments():
                for _ in range(blocks):
                    x += length / blocks * field(0.0, x)
        return x

    def _segments(self) -> list[tuple[RidgeField, int, float]]:
        """Field, blocks and length of each span of time in which the field is constant."""
        duration = self.target.duration
        return [
            (field, max(1, round(self.steps * length / duration)), length)
            for field, length in ridge_segments(self.target.field, duration)
        ]

    @property
    def depth(self) -> int:
        return sum(blocks for _, blocks, _ in self._segments())

    @property
    def width(self) -> int:
        """Neurons in the hidden layer of the widest block."""
        return max(field.ridges for field, _, _ in self._segments())

    @property
    def parameters(self) -> int:
        """Weights and biases when every block has its own."""
        return sum(blocks * _block_parameters(field) for field, blocks, _ in self._segments())

    @property
    def tied_parameters(self) -> int:
        """The same when the equal blocks of a segment share theirs."""
        return sum(_block_parameters(field) for field, _, _ in self._segments())


def _block_parameters(field: RidgeField) -> int:
    """a, w, b of every ridge, and A and c where the field has them."""
    return (
        field.ridges * (2 * field.dim + 1)
        + (field.A.size if np.any(field.A) else 0)
        + (field.c.size if np.any(field.c) else 0)
    )


def fewest_steps(
    target: FlowMap, tolerance: float, seed: int, judge_seed: int
) -> tuple[ResidualNetwork, float]:
    """The residual network of the fewest blocks within `tolerance`, and its error at points of `judge_seed`.

    Doubling and bisection on the error at search points; then, as the judge looks harder, by what the judged
    error is too large (it falls as 1/n). Gives up at MOST_STEPS, with an error above the tolerance.
    """
    x = search_points(target.domain, min(_SAMPLES, _COORDINATES // target.dim), seed)
    y = target(x)

    def within(steps: int) -> bool:
        return bool(np.max(np.abs(ResidualNetwork(target, steps)(x) - y)) <= tolerance)

    steps = _least(within, MOST_STEPS)
    while True:
        network = ResidualNetwork(target, steps)
        error = certify_sampled(network, target, seed=judge_seed).bound
        if error <= tolerance or steps >= MOST_STEPS:
            return network, error
        steps = min(MOST_STEPS, max(steps + 1, int(np.ceil(steps * min(error / tolerance, 2.0)))))


def _least(holds: Callable[[int], bool], most: int) -> int:
    """The least n up to `most` for which `holds`, which holds from some n on; `most` if there is none."""
    high = 1
    while high < most and not holds(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
