"""FeedforwardNetwork: weights, biases, slopes. Nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..choices import did_you_mean
from ..provenance import Provenance
from ..validation import require_finite, require_points
from .dialects import DIALECTS

if TYPE_CHECKING:
    from os import PathLike

    from ..certificates import Certificate


@dataclass(frozen=True, eq=False)
class FeedforwardNetwork:
    """A network y_l = sigma_l(W_l y_{l-1} + b_l) for l = 1..depth, and a last affine layer.

    sigma_l(z) is z where z > 0 and slope z elsewhere, the slope that of the layer or of the neuron.

    Parameters
    ----------
    weights : sequence of arrays
        depth + 1 matrices. The first takes d numbers, the last gives d, and every hidden layer has n neurons:
        shapes (n, d), (n, n), ..., (n, n), (d, n), or only (d, d) where there is no hidden layer. n = d,
        except in the dialect relu, which needs n > d.
    biases : sequence of arrays
        depth + 1 vectors, of as many numbers as the weights have rows.
    slopes : (depth,) array, or (depth, n) in the dialect prelu
        Each is in (0, 1], or all are 0 in the dialect relu.
    domain : Box
        The box on which the network is meant to be used; outside it nothing is promised.
    provenance : Provenance
        What the network was compiled from, if it was.
    dialect : str
        "leaky_relu", "prelu" or "relu", see DIALECTS. By default one of the first two, which the shape of the
        slopes tells apart.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, or a slope is not one of its dialect.
    """

    weights: tuple[Float[np.ndarray, "_ _"], ...]
    biases: tuple[Float[np.ndarray, " _"], ...]
    slopes: Float[np.ndarray, " depth"] | Float[np.ndarray, "depth n"]
    domain: Box | None = None
    provenance: Provenance | None = None
    dialect: str = "leaky_relu"

    def __init__(self, weights, biases, slopes, domain=None, provenance=None, dialect=None):
        weights, biases = _layers("weights", weights), _layers("biases", biases)
        slopes = _lock(require_finite("network slopes", slopes))
        if dialect is None:
            dialect = "prelu" if slopes.ndim == 2 else "leaky_relu"
        if dialect not in DIALECTS:
            raise ValueError(
                f"unknown dialect {dialect!r}; known are {', '.join(DIALECTS)}"
                + did_you_mean(dialect, DIALECTS)
            )
        _check_shapes(weights, biases, dialect)
        depth, width = len(weights) - 1, len(biases[0])
        needed = (depth,) if DIALECTS[dialect].slopes_per_layer else (depth, width)
        if slopes.shape != needed:
            raise ValueError(
                f"a {dialect} network of depth {depth} and width {width} needs slopes of shape {needed}, "
                f"got {slopes.shape}"
            )
        _check_slopes(slopes, dialect)
        d = weights[0].shape[1]
        if domain is not None and domain.dim != d:
            raise ValueError(f"the network has {d} inputs but its domain has dimension {domain.dim}")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "slopes", slopes)
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "provenance", provenance)
        object.__setattr__(self, "dialect", dialect)

    @property
    def dim(self) -> int:
        """The dimension d of the input and the output."""
        return self.weights[0].shape[1]

    @property
    def width(self) -> int:
        """The width n of every hidden layer, d + 1 in the dialect relu, else d; d without such layers."""
        return len(self.biases[0])

    @property
    def depth(self) -> int:
        """The number of activation layers."""
        return len(self.slopes)

    @property
    def parameters(self) -> int:
        """The number of weights, biases and slopes; a plain ReLU has no slope to count."""
        slopes = 0 if DIALECTS[self.dialect].activation == "Relu" else self.slopes.size
        return sum(array.size for array in (*self.weights, *self.biases)) + slopes

    def condition_numbers(self) -> Float[np.ndarray, " layers"]:
        """The condition number of every weight matrix: the ratio of its largest to its d-th singular value.

        That is the 2-norm condition number of a (d, d) matrix. Between layers of d + 1 neurons a matrix has
        rank d only, as it takes the activations back to the state of d numbers and the state on to the next
        neurons; its smallest singular value, 0, says nothing, and the ratio is that on the complement of its
        kernel. The ratio is infinite where the d-th singular value is 0.
        """
        singular = np.array([np.linalg.svd(W, compute_uv=False)[[0, self.dim - 1]] for W in self.weights])
        infinite = np.full(len(singular), np.inf)
        return np.divide(singular[:, 0], singular[:, 1], out=infinite, where=singular[:, 1] > 0)

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The network's values at the rows of x.

        Raises
        ------
        ValueError
            Where these are no points of real numbers.
        """
        y = require_points(x, self.dim)
        for W, b, slope in zip(self.weights[:-1], self.biases[:-1], self.slopes):
            y = y @ W.T + b
            # For slopes in [0, 1] the activation is this maximum.
            y = np.maximum(y, slope * y)
        return y @ self.weights[-1].T + self.biases[-1]

    def to_torch(self, dtype: str = "float32", outputs: int | None = None) -> Any:
        """A plain nn.Sequential of nn.Linear and nn.LeakyReLU, nn.PReLU or nn.ReLU, as the dialect says.

        Parameters
        ----------
        dtype
            "float32" or "float64".
        outputs
            How many of the first coordinates are given, say the state of a flow with inputs; by default all.
        """
        from ..export.torch import to_torch

        return to_torch(self, dtype, outputs)

    def to_onnx(
        self,
        path: str | PathLike[str],
        dtype: str = "float32",
        outputs: int | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """Write an ONNX file, `path`, of Gemm and LeakyRelu, PRelu or Relu nodes with a dynamic batch.

        `dtype` and `outputs` are as for `to_torch`. A `certificate` of this network in this dtype, of all
        outputs, is put into the file's metadata.
        """
        from ..export.onnx import write_onnx

        write_onnx(self, path, dtype, outputs, certificate)

    def to_c(
        self,
        path: str | PathLike[str],
        dtype: str = "float64",
        outputs: int | None = None,
        name: str | None = None,
    ) -> None:
        """Write one file of C99, `path`, with `void NAME(const T *x, T *y)`.

        T is `dtype`, double or float; NAME is `name`, by default made from the file's name. `dtype` and
        `outputs` are as for `to_torch`.
        """
        from ..export.c import write_c

        write_c(self, path, dtype, outputs, name)

    def to_numpy(self, path: str | PathLike[str], dtype: str = "float64", outputs: int | None = None) -> None:
        """Write a Python module to `path` with a function `flow(x)` that needs NumPy only.

        `dtype` and `outputs` are as for `to_torch`.
        """
        from ..export.numpy_module import write_numpy

        write_numpy(self, path, dtype, outputs)

    def to_jax(self, dtype: str = "float32", outputs: int | None = None) -> Any:
        """A pure function of JAX arrays (..., d), for jit, vmap and grad.

        `dtype` and `outputs` are as for `to_torch`.
        """
        from ..export.jax import to_jax

        return to_jax(self, dtype, outputs)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to `path` as safetensors; `vanillaflow.load` reads it back."""
        from ..export.safetensors import save_network

        save_network(self, path)

    def _repr_html_(self) -> str:
        from ..display.notebook import network_html

        return network_html(self)

    def __repr__(self) -> str:
        return f"FeedforwardNetwork({self.dialect}, width={self.width}, depth={self.depth})"


def _lock(array: np.ndarray) -> np.ndarray:
    array = np.array(array, order="C")
    array.setflags(write=False)
    return array


def _layers(name: str, arrays: Sequence | np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(_lock(require_finite(f"network {name} of layer {i}", a)) for i, a in enumerate(arrays))


def _check_shapes(weights: tuple[np.ndarray, ...], biases: tuple[np.ndarray, ...], dialect: str) -> None:
    """A chain of matrices, hidden layers of one width, outputs as many as inputs, and biases that fit."""
    shapes = [W.shape for W in weights]
    if not weights or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise ValueError(f"network weights must be depth + 1 matrices, at least one, got shapes {shapes}")
    rows = [b.shape for b in biases]
    if rows != [shape[:1] for shape in shapes]:
        raise ValueError(f"network weights of shapes {shapes} need a bias for each row, got biases {rows}")
    d, inner = shapes[0][1], len(weights) - 1
    n = max(shapes[0][0], d + 1) if DIALECTS[dialect].wider else d
    needed = [(n, d), *[(n, n)] * (inner - 1), (d, n)] if inner else [(d, d)]
    for layer, (found, want) in enumerate(zip(shapes, needed)):
        if found != want:
            raise ValueError(
                f"the weights of layer {layer} have shape {found}; "
                f"a {dialect} network of {d} inputs and outputs needs {want} there"
            )


def _check_slopes(slopes: np.ndarray, dialect: str) -> None:
    plain = DIALECTS[dialect].activation == "Relu"
    wrong = slopes != 0 if plain else (slopes <= 0) | (slopes > 1)
    if np.any(wrong):
        place = np.argwhere(wrong)[0]
        neuron = f", neuron {place[1]}," if len(place) > 1 else ""
        allowed = f"0 in the dialect {dialect}" if plain else "in (0, 1]"
        raise ValueError(
            f"the slope of layer {place[0]}{neuron} is {slopes[tuple(place)]:g}; slopes must be {allowed}"
        )
