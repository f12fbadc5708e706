"""fit_field: any field, fitted on a box by a sum of tanh ridges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from ..box import Box
from ..errors import FieldError
from ..validation import require_positive
from .ridge import RidgeField

_RIDGES = (4, 8, 16, 32, 64)
# Points for each number that is fitted, at least; and fresh ones for the error.
_ROWS_PER_NUMBER, _LEAST_POINTS, _FRESH = 6, 1000, 4096
_EVALUATIONS = 60
# New ridges: the best of so many random ones, steep up to this in half widths of the box.
_CANDIDATES, _STEEPEST = 8, 3.0
# Of few ridges the best of so many fits is taken: one alone ends in a poor minimum every other time.
_STARTS, _FEW = 4, 8
_TIMES = (0.0, 0.7)


class FittedField(RidgeField):
    """A RidgeField that was fitted to another field.

    Attributes
    ----------
    error
        The largest difference of any coordinate of the velocity over points of the box that were not fitted,
        its faces and corners: a lower bound of the supremum.
    size
        The largest coordinate of the velocity over the same points.
    """

    error: float
    size: float

    def __repr__(self) -> str:
        return f"FittedField(dim={self.dim}, ridges={self.ridges}, error={self.error:.3g})"


def fit_field(
    function: Callable[..., Any], box: Box, tol: float = 1e-2, ridges: int | None = None, seed: int = 0
) -> FittedField:
    """Fit a field A x + c + sum_k a_k tanh(w_k . x + b_k) to `function(t, x)` on the box.

    It serves `method="split"` and all else that needs a RidgeField; the default method of `compile` takes the
    field itself. The flow of the fit differs from that of the field, by about its error times the duration
    times the growth of errors along the flow: use the field itself as the target of a certificate.

    The fit is one of least squares by Levenberg-Marquardt from random ridges, more and more of them (Barron
    1993: the mean square error of a suitable sum of n ridges is of order 1/n in any dimension).

    Parameters
    ----------
    function
        A field as FlowMap takes it, (t, (n, d)) -> (n, d), that does not depend on t.
    box
        Where the field is fitted; elsewhere the result means nothing.
    tol
        The largest error wanted, as a part of the largest velocity on the box. The ridges are 4, 8, ... or
        64, as few as are enough.
    ridges
        The number of ridges, whatever the error; by default as `tol` needs.
    seed
        The seed of the points and of the ridges to start from.

    Raises
    ------
    FieldError
        If `function` depends on time, is not finite on the box, or is not reached within `tol`.
    """
    require_positive("tol", tol)
    if ridges is not None:
        require_positive("ridges", ridges)
    rng = np.random.default_rng(seed)
    fresh = np.concatenate(
        [box.sample(_FRESH, seed + 1), box.boundary(_FRESH // 2, seed + 1), box.corners(seed)]
    )
    wanted = _velocities(function, fresh)
    size = float(np.abs(wanted).max())
    features = np.zeros((0, box.dim + 1))
    for count in _RIDGES if ridges is None else [n for n in _RIDGES if n < ridges] + [ridges]:
        numbers = count * (2 * box.dim + 1) + box.dim * (box.dim + 1)
        points = max(_LEAST_POINTS, _ROWS_PER_NUMBER * numbers // box.dim)
        x = np.concatenate([box.sample(points, seed), box.boundary(points // 4, seed)])
        u, v = _unit(x, box), _velocities(function, x) / (size or 1.0)
        starts = [_more(features, count, u, v, rng) for _ in range(_STARTS if count <= _FEW else 1)]
        features, outer = min(
            (_fit(each, u, v) for each in starts), key=lambda fit: _residual_norm(fit[0], fit[1], u, v)
        )
        field = _field(features, outer * (size or 1.0), box)
        field.error, field.size = float(np.abs(field(0.0, fresh) - wanted).max()), size
        if ridges is None and field.error <= tol * size:
            return field
    if ridges is None:
        raise FieldError(
            f"{count} ridges come within {field.error:.3g} of the field, which is above {tol:g} of its size "
            f"{size:.3g}; pass a larger tol, or ridges={count} to take this fit"
        )
    return field


def _velocities(function: Callable[..., Any], x: np.ndarray) -> Float[np.ndarray, "n d"]:
    with np.errstate(all="ignore"):
        now, later = (np.asarray(function(t, x), dtype=np.float64) for t in _TIMES)
    if now.shape != x.shape:
        raise FieldError(f"the field returned shape {now.shape} for points of shape {x.shape}")
    finite = np.isfinite(now).all(axis=1)
    if not finite.all():
        raise FieldError(f"the field is not finite at {x[np.argmin(finite)].tolist()}, which is in the box")
    if not np.array_equal(now, later):
        raise FieldError("the field depends on time; fit_field fits one that does not")
    return now


def _unit(x: np.ndarray, box: Box) -> np.ndarray:
    """Coordinates in which the box is [-1, 1]^d."""
    return (x - box.center) / (box.width / 2)


def _values(features: np.ndarray, u: np.ndarray) -> Float[np.ndarray, "n m"]:
    """tanh(w.u + b) for each row (w, b) of the features, then u and 1."""
    one = np.ones((len(u), 1))
    return np.concatenate([np.tanh(u @ features[:, :-1].T + features[:, -1]), u, one], axis=1)


def _solve(features: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[Float[np.ndarray, "m d"], float]:
    """The best outer coefficients for given features, and the root mean square that they leave."""
    values = _values(features, u)
    outer, *_ = np.linalg.lstsq(values, v, rcond=1e-10)
    return outer, _residual_norm(features, outer, u, v)


def _residual_norm(features: np.ndarray, outer: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """The root mean square that these ridges leave."""
    return float(np.sqrt(np.mean((_values(features, u) @ outer - v) ** 2)))


def _more(
    features: np.ndarray, count: int, u: np.ndarray, v: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The features and random ones, `count` in all: of several sets that which leaves the least."""
    new = count - len(features)
    sets = []
    for _ in range(_CANDIDATES):
        w = rng.normal(size=(new, u.shape[1]))
        w *= rng.uniform(0.3, _STEEPEST, size=(new, 1)) / np.linalg.norm(w, axis=1, keepdims=True)
        through = u[rng.integers(0, len(u), new)]  # Each bends somewhere in the box.
        sets.append(np.concatenate([features, np.column_stack([w, -(w * through).sum(axis=1)])]))
    return min(sets, key=lambda each: _solve(each, u, v)[1])


def _fit(features: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and outer coefficients together, by least squares."""
    outer, _ = _solve(features, u, v)
    N, d = features.shape[0], u.shape[1]
    ones = np.column_stack([u, np.ones(len(u))])

    def parts(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return p[: N * (d + 1)].reshape(N, d + 1), p[N * (d + 1) :].reshape(-1, d)

    def residual(p: np.ndarray) -> np.ndarray:
        inner, outer = parts(p)
        return (_values(inner, u) @ outer - v).ravel()

    def jacobian(p: np.ndarray) -> np.ndarray:
        inner, outer = parts(p)
        values = _values(inner, u)
        slope = 1 - values[:, :N] ** 2
        # d v_i / d (w_k, b_k) = outer_ki (1 - tanh^2) (u, 1); d v_i / d outer_kj = value_k if i = j.
        first = np.einsum("ki,nk,nj->nikj", outer[:N], slope, ones).reshape(len(u) * d, -1)
        second = np.einsum("nk,ij->nikj", values, np.eye(d)).reshape(len(u) * d, -1)
        return np.concatenate([first, second], axis=1)

    start = np.concatenate([features.ravel(), outer.ravel()])
    found = least_squares(residual, start, jacobian, method="trf", x_scale="jac", max_nfev=_EVALUATIONS)
    features, _ = parts(found.x)
    return features, _solve(features, u, v)[0]


def _field(features: np.ndarray, outer: np.ndarray, box: Box) -> FittedField:
    N, d = len(features), box.dim
    half = box.width / 2
    w, b = features[:, :d] / half, features[:, d]
    A = outer[N : N + d].T / half
    return FittedField(outer[:N], w, b - w @ box.center, "tanh", A, outer[N + d] - A @ box.center)
