"""J^T W J, dense while it fits a memory budget, as a product beyond.

The dense matrix is accumulated in float32: a damped step needs no more, and it takes half the time. Beyond
the budget the damped system is solved by conjugate gradients, preconditioned by its diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from ....runtime.threads import parts_of, side_by_side
from ..parameters import Parameters
from ..settings import LeastSquares
from .gradient_kernels import column_squares, product, transposed_product
from .jacobian_kernels import scaled_jacobian

# b -> A^-1 b for some positive definite A.
Inverse = Callable[[np.ndarray], np.ndarray]
# damping -> (H + damping D)^-1, or None where that fails.
Damped = Callable[[float], "Inverse | None"]


@runtime_checkable
class NormalMatrix(Protocol):
    """A positive semi-definite matrix H whose damped systems can be solved."""

    @property
    def factored(self) -> bool:
        """Whether an inverse, once made, costs little to apply."""

    def damp_by_diagonal(self) -> Damped:
        """The inverses of H + damping diag H."""

    def damp_by(self, metric: NormalMatrix, part: float) -> Damped:
        """The inverses of H + damping (metric + part diag metric)."""


def normal_matrix(
    theta: Parameters, x: Float[np.ndarray, "n d"], weights: Float[np.ndarray, "n d"]
) -> NormalMatrix:
    """sum over points and outputs of weight * (Dr)^T Dr at the rows of x."""
    if theta.count > theta.settings.least_squares.most_dense_parameters:
        return _Products(theta, x, weights)
    return _Dense(theta, dense_matrix(theta, x, weights))


def dense_matrix(theta: Parameters, x: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, "free free"]:
    """The same as an array, whatever its size, in reduced coordinates.

    A w only turns: what scaling it would do, its a and t do as well.
    """
    settings = theta.settings.least_squares
    free = theta.free
    d, P = theta.dim, theta.count - theta.kinks
    root = np.sqrt(weights)
    # Parts of a fixed size, a few at a time: each holds its rows of the Jacobian and a matrix.
    chunk = max(1, min(-(-len(x) // len(parts_of(len(x)))), settings.chunk_numbers // (P * d)))

    def part_of(first: int) -> np.ndarray:
        part = slice(first, first + chunk)
        J = np.empty((P, d, len(x[part])), dtype=np.float32)
        scaled_jacobian(x[part], theta.a, theta.w, theta.t, theta.M, theta.turns, root[part], J)
        rows = J.reshape(P, -1)
        return rows @ rows.T

    H = np.zeros((P, P))
    firsts = list(range(0, len(x), chunk))
    for i in range(0, len(firsts), settings.at_once):
        for part in side_by_side(
            [partial(part_of, first) for first in firsts[i : i + settings.at_once]], P * P * d * chunk / 2
        ):
            H += part
    return H if free.all() else H[np.ix_(free, free)]


@dataclass(frozen=True, eq=False)
class _Dense:
    theta: Parameters
    H: Float[np.ndarray, "free free"]
    factored = True

    def damp_by_diagonal(self) -> Damped:
        diagonal = self._diagonal()
        return lambda damping: self._inverse(self.H + np.diag(damping * diagonal))

    def damp_by(self, metric: NormalMatrix, part: float) -> Damped:
        assert isinstance(metric, _Dense)
        damper = metric.H + np.diag(part * metric._diagonal())
        return lambda damping: self._inverse(self.H + damping * damper)

    def _inverse(self, A: np.ndarray) -> Inverse | None:
        try:
            # numpy's factorization releases the interpreter's lock, scipy's does not. Transposed it is in the
            # order of columns, which saves each solution a copy.
            factor = np.linalg.cholesky(A).T
        except np.linalg.LinAlgError:
            return None
        theta = self.theta
        return lambda b: theta.expand(cho_solve((factor, False), theta.reduce(b), check_finite=False))

    def _diagonal(self) -> np.ndarray:
        return _floor(np.diag(self.H), self.theta.settings.least_squares)


def _floor(diagonal: np.ndarray, settings: LeastSquares) -> np.ndarray:
    """A diagonal plus a floor, positive even where nothing moves."""
    return diagonal + settings.floor * (diagonal.mean() + 1e-300)


@dataclass(frozen=True, eq=False)
class _Products:
    theta: Parameters
    x: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, "n d"]
    factored = False

    def apply(self, v: np.ndarray) -> np.ndarray:
        theta = self.theta
        arrays = theta.a, theta.w, theta.t, theta.M
        whole = theta.expand(v)

        def part_of(part: slice) -> np.ndarray:
            along = product(self.x[part], *arrays, whole)
            return transposed_product(self.x[part], *arrays, self.weights[part] * along)

        return theta.reduce(self._sum(part_of))

    def diagonal(self) -> np.ndarray:
        theta = self.theta
        arrays = theta.a, theta.w, theta.t, theta.M, theta.turns
        squares = self._sum(lambda part: column_squares(self.x[part], *arrays, self.weights[part]))
        return _floor(squares[theta.free], theta.settings.least_squares)

    def _sum(self, part_of: Callable[[slice], np.ndarray]) -> np.ndarray:
        parts = side_by_side([partial(part_of, part) for part in parts_of(len(self.x))])
        return np.sum(parts, axis=0)

    def damp_by_diagonal(self) -> Damped:
        return self._damp(self.diagonal())

    def damp_by(self, metric: NormalMatrix, part: float) -> Damped:
        # The diagonal alone: another product per step would double the cost.
        assert isinstance(metric, _Products)
        return self._damp(metric.diagonal())

    def _damp(self, damper: np.ndarray) -> Damped:
        theta, diagonal = self.theta, self.diagonal()
        settings = theta.settings.least_squares

        def inverse(damping: float, b: np.ndarray) -> np.ndarray:
            added = damping * damper

            def apply(v: np.ndarray) -> np.ndarray:
                return self.apply(v) + added * v

            return theta.expand(_conjugate_gradients(apply, diagonal + added, theta.reduce(b), settings))

        return lambda damping: partial(inverse, damping)


def _conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, b: np.ndarray, settings: LeastSquares
) -> np.ndarray:
    """An approximate solution of `apply(x) = b`, in coordinates in which the diagonal is 1."""
    root = np.sqrt(diagonal)
    scaled = LinearOperator((b.size, b.size), matvec=lambda v: apply(v / root) / root, dtype=b.dtype)
    return cg(scaled, b / root, rtol=settings.cg_reduction, maxiter=settings.most_cg_steps)[0] / root
