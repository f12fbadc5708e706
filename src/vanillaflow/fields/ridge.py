"""RidgeField: the compiler's input language, and PiecewiseField, the same with pieces in time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm

from ..errors import FieldError
from ..validation import require_finite, require_points, require_positive
from .few_nonzeros import Linear
from .in_time import values_in_time
from .profiles import Profile, get_profile

# From this dimension on A is asked whether it is symmetric.
_LARGE = 32


class RidgeField:
    """The vector field v(x) = A x + c + sum_k a_k g_k(w_k . x + b_k) on R^d.

    The arrays are copied and locked; they are attributes under the same names.

    Parameters
    ----------
    a : (N, d) array
        The directions of the N ridge pieces.
    w : (N, d) array
        The normals of the pieces.
    b : (N,) array
        The offsets.
    profiles : str, Profile or sequence of them
        One name or Profile for all pieces, or N of them.
    A : (d, d) array
        The matrix of the affine piece; zero if omitted.
    c : (d,) array
        The constant of the affine piece; zero if omitted.

    Raises
    ------
    FieldError
        If shapes disagree or a profile is unknown.
    ValueError
        If a number is not finite.
    """

    def __init__(self, a, w, b, profiles, A=None, c=None):
        a, w, b = (require_finite(f"RidgeField {n}", v) for n, v in (("a", a), ("w", w), ("b", b)))
        if a.ndim != 2 or a.shape[1] == 0 or w.shape != a.shape or b.shape != a.shape[:1]:
            raise FieldError(
                "RidgeField needs a and w of shape (N, d) and b of shape (N,), "
                f"got a {a.shape}, w {w.shape}, b {b.shape}"
            )
        N, d = a.shape
        A = np.zeros((d, d)) if A is None else require_finite("RidgeField A", A)
        c = np.zeros(d) if c is None else require_finite("RidgeField c", c)
        if A.shape != (d, d) or c.shape != (d,):
            raise FieldError(
                f"RidgeField in dimension {d} needs A ({d}, {d}) and c ({d},), got {A.shape} and {c.shape}"
            )
        names = [profiles] * N if isinstance(profiles, str | Profile) else list(profiles)
        if len(names) != N:
            raise FieldError(f"RidgeField has {N} ridge pieces but {len(names)} profiles")
        self.a, self.w, self.b, self.A, self.c = (_lock(v) for v in (a, w, b, A, c))
        self.profiles: tuple[Profile, ...] = tuple(get_profile(p) for p in names)

    @classmethod
    def tanh(cls, A, W, b) -> RidgeField:
        """The paper's class x' = A tanh(W x + b), with A (d, N), W (N, d), b (N,)."""
        return cls(require_finite("RidgeField A", A).T, W, b, "tanh")

    @property
    def autonomous(self) -> bool:
        """Always true: the field does not depend on time."""
        return True

    @property
    def dim(self) -> int:
        return self.a.shape[1]

    @cached_property
    def held(self) -> int:
        """How many of the last coordinates the field never moves, so that they are inputs (not all of d)."""
        moves = np.any(self.a != 0, axis=0) | np.any(self.A != 0, axis=1) | (self.c != 0)
        return self.dim - 1 - int(np.max(np.flatnonzero(moves))) if moves.any() else 0

    @property
    def ridges(self) -> int:
        """N, the number of ridge pieces."""
        return self.a.shape[0]

    @cached_property
    def mu(self) -> Float[np.ndarray, " N"]:
        """w_k . a_k, the rate at which a piece stretches its own argument."""
        return np.einsum("kd,kd->k", self.w, self.a)

    @cached_property
    def _groups(self) -> list[tuple[Profile, np.ndarray | slice]]:
        """The distinct profiles, each with the indices of its pieces."""
        if len({id(profile) for profile in self.profiles}) == 1:
            return [(self.profiles[0], slice(None))]
        by_name: dict[int, tuple[Profile, list[int]]] = {}
        for k, profile in enumerate(self.profiles):
            by_name.setdefault(id(profile), (profile, []))[1].append(k)
        return [(profile, np.array(indices)) for profile, indices in by_name.values()]

    def __call__(self, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """v at the rows of x. The field does not depend on t."""
        x = require_points(x, self.dim)
        A, w, a = self._products
        z = w(x)
        z += self.b
        with np.errstate(all="ignore"):
            for profile, k in self._groups:
                z[:, k] = profile.value(z[:, k])
            v = a(z)
        v += A(x)
        v += self.c
        return v

    @cached_property
    def _products(self) -> tuple[Linear, Linear, Linear]:
        """Those with A, with the normals, and with the directions."""
        return Linear.of(self.A), Linear.of(self.w), Linear.of(self.a.T)

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Eigenvalues and orthonormal eigenvectors of A, if it is symmetric and large."""
        if self.dim < _LARGE or not np.array_equal(self.A, self.A.T):
            return None
        return np.linalg.eigh(self.A)

    def affine_flow(
        self, tau: float, most_condition: float = np.inf
    ) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, " d"]]:
        """Return (M, m) such that M x + m is the flow of x' = A x + c for time tau.

        It is computed by one augmented matrix exponential or, for large symmetric A, along A's eigenvectors.

        Parameters
        ----------
        tau
            The time.
        most_condition
            The largest condition number of M. Singular values below the largest one divided by it are raised
            to that, so that what decays faster is damped by just so much.

        Returns
        -------
        tuple
            M, a (d, d) array, and m, a (d,) array.
        """
        d = self.dim
        if self._modes is not None:
            rate, V = self._modes
            # (e^{rate tau} - 1) / rate, and tau where the rate is zero.
            grown = np.divide(np.expm1(rate * tau), rate, out=np.full(d, tau), where=rate != 0)
            factor = np.exp(rate * tau)
            factor = np.maximum(factor, factor.max() / most_condition)
            return (V * factor) @ V.T, V @ (grown * (V.T @ self.c))
        augmented = np.zeros((d + 1, d + 1))
        augmented[:d, :d], augmented[:d, d] = tau * self.A, tau * self.c
        E = expm(augmented)
        M, m = E[:d, :d], E[:d, d]
        if np.isfinite(most_condition) and np.all(np.isfinite(M)):
            left, singular, right = np.linalg.svd(M)
            if singular[-1] * most_condition < singular[0]:
                M = (left * np.maximum(singular, singular[0] / most_condition)) @ right
        return M, m

    def ridge_displacement(self, k: int, tau: float, nu: np.ndarray) -> np.ndarray:
        """The D(nu) such that the flow of x' = a_k g_k(w_k.x + b_k) for time tau is x + a_k D(w_k.x + b_k).

        See `Profile.displacement`, with mu = w_k.a_k for piece k.
        """
        return self.profiles[k].displacement(nu, float(self.mu[k]), tau)

    def ridge_flow(self, k: int, tau: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The exact flow of piece k alone, x' = a_k g_k(w_k.x + b_k), for time tau (tau < 0 goes back)."""
        D = self.ridge_displacement(k, tau, x @ self.w[k] + self.b[k])
        return x + D[:, None] * self.a[k]

    def segments(self, duration: float) -> list[tuple[RidgeField, float]]:
        """The autonomous pieces in [0, duration], each with its length in time: here just this field."""
        return [(self, duration)]

    def __repr__(self) -> str:
        names = ", ".join(sorted({p.name for p in self.profiles})) or "affine"
        return f"RidgeField(dim={self.dim}, ridges={self.ridges}, profiles={names})"


class PiecewiseField:
    """A field that is piecewise constant in time: `fields[i]` acts on `[times[i-1], times[i])`.

    Every one of A, c, a_k, w_k, b_k may differ between pieces, which is the class of the paper's theorem.

    Parameters
    ----------
    fields
        RidgeFields of one dimension. The default method also takes an ExpressionField among them.
    times
        The len(fields) - 1 switching times, positive and increasing. The first field starts at 0 and the last
        one lasts for ever.

    Raises
    ------
    FieldError
        If the dimensions or the times do not fit.
    """

    def __init__(self, fields: Sequence[Any], times: Sequence[float]):
        self.fields = tuple(fields)
        self.times = _lock(require_finite("PiecewiseField times", list(times)))
        if not self.fields or self.times.shape != (len(self.fields) - 1,):
            needed = max(len(self.fields) - 1, 0)
            raise FieldError(
                f"{len(self.fields)} fields need {needed} switching times, got {self.times.size}"
            )
        if len({f.dim for f in self.fields}) > 1:
            raise FieldError(f"the fields must have one dimension, got {[f.dim for f in self.fields]}")
        if np.any(np.diff(np.concatenate([[0.0], self.times])) <= 0):
            raise FieldError(
                f"the switching times must be positive and increasing, got {self.times.tolist()}"
            )

    @property
    def dim(self) -> int:
        return self.fields[0].dim

    @property
    def held(self) -> int:
        """How many of the last coordinates no piece moves."""
        return min(field.held for field in self.fields)

    @property
    def reason(self) -> str | None:
        """Why the field is not made of ridges; None if it is."""
        return next((field.reason for field in self.fields if not isinstance(field, RidgeField)), None)

    def __call__(self, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """v(t, x) at the rows of x."""
        return self.fields[int(np.searchsorted(self.times, t, side="right"))](t, x)

    @property
    def autonomous(self) -> bool:
        """Whether no piece depends on time."""
        return all(field.autonomous for field in self.fields)

    @property
    def jumps(self) -> tuple[float, ...]:
        """The corners of the pieces, besides the switching `times`."""
        return tuple(t for field in self.fields for t in getattr(field, "jumps", ()))

    def at_times(
        self, times: Float[np.ndarray, " m"], x: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, "m n d"]:
        """v(t, .) at the rows of x, for each of the times."""
        values = np.empty((len(times), *x.shape))
        piece = np.searchsorted(self.times, times, side="right")
        for k in np.unique(piece):
            values[piece == k] = values_in_time(self.fields[k], times[piece == k], x)
        return values

    def segments(self, duration: float) -> list[tuple[RidgeField, float]]:
        """The fields that act during [0, duration], each with the time for which it does."""
        require_positive("duration", duration)
        ends = np.concatenate([np.minimum(self.times, duration), [duration]])
        lengths = np.diff(np.concatenate([[0.0], ends]))
        return [(f, float(tau)) for f, tau in zip(self.fields, lengths) if tau > 0]

    def __repr__(self) -> str:
        return f"PiecewiseField(dim={self.dim}, times={self.times.tolist()}, fields={list(self.fields)})"


def is_ridge_sum(field: object) -> bool:
    """Whether the field is made of ridges, at all times."""
    parts = field.fields if isinstance(field, PiecewiseField) else [field]
    return all(isinstance(part, RidgeField) for part in parts)


def ridge_segments(field: object, duration: float) -> list[tuple[RidgeField, float]]:
    """`field.segments(duration)`; raises FieldError if the field is not made of ridges."""
    if not isinstance(field, RidgeField | PiecewiseField) or not is_ridge_sum(field):
        reason = getattr(field, "reason", None)
        raise FieldError(
            "this construction needs a RidgeField or PiecewiseField, "
            f"the target's field is a {type(field).__name__}" + (f": {reason}" if reason else "")
        )
    return field.segments(duration)


def _lock(array: np.ndarray) -> np.ndarray:
    array = np.array(array, dtype=np.float64)
    array.setflags(write=False)
    return array
