"""FeedforwardNetwork: weights, biases, slopes. Nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from .box import Box
from .provenance import Provenance
from .validation import require_finite

if TYPE_CHECKING:
    from os import PathLike


@dataclass(frozen=True, eq=False)
class FeedforwardNetwork:
    """y_l = leaky_relu(W_l y_{l-1} + b_l, slope_l) for l = 1..depth, and a last affine layer.

    Attributes
    ----------
    weights : (depth + 1, d, d), biases : (depth + 1, d).
    slopes : (depth,), each in (0, 1]: the slope of layer l on its negative side.
    domain : the Box on which the network is meant to be used; outside it nothing is promised.
    provenance : what it was compiled from, if it was.

    Raises ValueError if shapes disagree, a number is not finite, or a slope leaves (0, 1].
    """

    weights: Float[np.ndarray, "layers d d"]
    biases: Float[np.ndarray, "layers d"]
    slopes: Float[np.ndarray, " depth"]
    domain: Box | None = None
    provenance: Provenance | None = None

    def __init__(self, weights, biases, slopes, domain=None, provenance=None):
        weights = require_finite("network weights", weights)
        biases = require_finite("network biases", biases)
        slopes = require_finite("network slopes", slopes)
        if weights.ndim != 3 or weights.shape[1] != weights.shape[2] or 0 in weights.shape:
            raise ValueError(f"network weights must have shape (depth + 1, d, d), got {weights.shape}")
        if biases.shape != weights.shape[:2] or slopes.shape != (len(weights) - 1,):
            raise ValueError(
                f"a network of depth {len(weights) - 1} and width {weights.shape[1]} needs biases "
                f"{weights.shape[:2]} and slopes ({len(weights) - 1},), got {biases.shape} and {slopes.shape}"
            )
        if np.any((slopes <= 0) | (slopes > 1)):
            bad = int(np.argmax((slopes <= 0) | (slopes > 1)))
            raise ValueError(f"the slope of layer {bad} is {slopes[bad]:g}; slopes must be in (0, 1]")
        if domain is not None and domain.dim != weights.shape[1]:
            raise ValueError(
                f"the network has width {weights.shape[1]} but its domain has dimension {domain.dim}"
            )
        for name, value in (("weights", weights), ("biases", biases), ("slopes", slopes)):
            value = np.ascontiguousarray(value).copy()
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "provenance", provenance)

    @property
    def width(self) -> int:
        """d: of the input, the output and every hidden layer."""
        return self.weights.shape[1]

    @property
    def depth(self) -> int:
        """The number of activation layers."""
        return len(self.slopes)

    @property
    def parameters(self) -> int:
        """The number of weights, biases and slopes."""
        return self.weights.size + self.biases.size + self.slopes.size

    def condition_numbers(self) -> Float[np.ndarray, " layers"]:
        """The 2-norm condition number of every weight matrix."""
        return np.linalg.cond(self.weights)

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The network's values at the rows of x."""
        y = np.asarray(x, dtype=np.float64)
        if y.ndim != 2 or y.shape[1] != self.width:
            raise ValueError(f"expected points of shape (n, {self.width}), got {y.shape}")
        for W, b, slope in zip(self.weights[:-1], self.biases[:-1], self.slopes):
            y = y @ W.T + b
            # For a slope in (0, 1] the leaky ReLU is this maximum.
            y = np.maximum(y, slope * y)
        return y @ self.weights[-1].T + self.biases[-1]

    def to_torch(self, dtype: str = "float32", outputs: int | None = None) -> Any:
        """A plain nn.Sequential of nn.Linear and nn.LeakyReLU. `dtype` is "float32" or "float64".

        With `outputs` only the first so many coordinates are given, for a flow with inputs say the state.
        """
        from .export.torch import to_torch

        return to_torch(self, dtype, outputs)

    def to_onnx(self, path: str | PathLike[str], dtype: str = "float32", outputs: int | None = None) -> None:
        """Write an ONNX file of Gemm and LeakyRelu nodes with a dynamic batch; the rest as in `to_torch`."""
        from .export.onnx import write_onnx

        write_onnx(self, path, dtype, outputs)

    def to_c(
        self,
        path: str | PathLike[str],
        dtype: str = "float64",
        outputs: int | None = None,
        name: str | None = None,
    ) -> None:
        """Write one file of C99 with `void NAME(const T *x, T *y)`, NAME by default from the file's name."""
        from .export.c import write_c

        write_c(self, path, dtype, outputs, name)

    def to_numpy(self, path: str | PathLike[str], dtype: str = "float64", outputs: int | None = None) -> None:
        """Write a Python module with a function `flow(x)` that needs NumPy only."""
        from .export.numpy_module import write_numpy

        write_numpy(self, path, dtype, outputs)

    def to_jax(self, dtype: str = "float32", outputs: int | None = None) -> Any:
        """A pure function of JAX arrays (..., d), for jit, vmap and grad."""
        from .export.jax import to_jax

        return to_jax(self, dtype, outputs)

    def save(self, path: str | PathLike[str]) -> None:
        """Write as safetensors; `vanillaflow.load` reads it back."""
        from .export.safetensors import save_network

        save_network(self, path)

    def __repr__(self) -> str:
        return f"FeedforwardNetwork(width={self.width}, depth={self.depth})"
