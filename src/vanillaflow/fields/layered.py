"""LayeredField: a multi-layer perceptron as a field, known by its weights; and its form while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ..errors import FieldError
from ..validation import require_finite, require_points
from .profiles import Profile, get_profile
from .ridge_form import RidgeForm


@dataclass(frozen=True, eq=False)
class LayeredField:
    """The vector field v(x) = A x + W_L h_{L-1} + b_L on R^d, with h_0 = x and h_l = s_l(W_l h_{l-1} + b_l).

    With one hidden layer it is a sum of ridges: a RidgeField says the same, and can be split. The arrays are
    copied and locked; they are attributes under the same names.

    Parameters
    ----------
    weights : sequence of arrays
        L matrices, W_l of shape (m_l, m_{l-1}), with m_0 = m_L = d.
    biases : sequence of arrays
        L vectors, b_l of shape (m_l,).
    profiles : str, Profile or sequence of them
        L - 1 of them, one for each hidden layer; one name or Profile may stand for all.
    A : (d, d) array
        What is added without a hidden layer; zero if omitted.

    Raises
    ------
    FieldError
        If shapes disagree or a profile is unknown.
    ValueError
        If a number is not finite.
    """

    weights: tuple[Float[np.ndarray, "_ _"], ...]
    biases: tuple[Float[np.ndarray, " _"], ...]
    profiles: tuple[Profile, ...]
    A: Float[np.ndarray, "d d"]

    def __init__(self, weights, biases, profiles, A=None):
        weights, biases = _arrays("weights", weights), _arrays("biases", biases)
        _check_shapes(weights, biases)
        d, hidden = weights[0].shape[1], len(weights) - 1
        A = np.zeros((d, d)) if A is None else require_finite("LayeredField A", A)
        if A.shape != (d, d):
            raise FieldError(f"LayeredField in dimension {d} needs A ({d}, {d}), got {A.shape}")
        names = [profiles] * hidden if isinstance(profiles, str | Profile) else list(profiles)
        if len(names) != hidden:
            raise FieldError(f"LayeredField has {hidden} hidden layers but {len(names)} profiles")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "profiles", tuple(get_profile(name) for name in names))
        object.__setattr__(self, "A", _lock(A))

    @property
    def autonomous(self) -> bool:
        """Always true: the field does not depend on time."""
        return True

    @property
    def dim(self) -> int:
        """d."""
        return self.weights[0].shape[1]

    @property
    def held(self) -> int:
        """How many of the last coordinates the field never moves, so that they are inputs (not all of d)."""
        moves = np.any(self.weights[-1] != 0, axis=1) | (self.biases[-1] != 0) | np.any(self.A != 0, axis=1)
        return self.dim - 1 - int(np.max(np.flatnonzero(moves))) if moves.any() else 0

    @property
    def reason(self) -> str:
        """Why the field is not made of ridges."""
        return "functions of functions are no sum of ridges"

    def __call__(self, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """v at the rows of x. The field does not depend on t."""
        h = x = require_points(x, self.dim)
        with np.errstate(all="ignore"):
            for W, b, profile in zip(self.weights[:-1], self.biases[:-1], self.profiles):
                h = profile.value(h @ W.T + b)
            return h @ self.weights[-1].T + self.biases[-1] + x @ self.A.T

    def __repr__(self) -> str:
        widths = ", ".join(str(len(b)) for b in self.biases[:-1])
        names = ", ".join(profile.name for profile in self.profiles)
        return f"LayeredField(dim={self.dim}, widths=[{widths}], profiles=[{names}])"


def _lock(array: np.ndarray) -> np.ndarray:
    array = np.array(array, dtype=np.float64, order="C")
    array.setflags(write=False)
    return array


def _arrays(name: str, arrays: Sequence | np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(
        _lock(require_finite(f"LayeredField {name} of layer {layer}", array))
        for layer, array in enumerate(arrays, start=1)
    )


def _check_shapes(weights: tuple[np.ndarray, ...], biases: tuple[np.ndarray, ...]) -> None:
    """A chain of matrices with as many outputs as inputs, and a bias for each row."""
    shapes = [W.shape for W in weights]
    if not weights or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise FieldError(f"LayeredField weights must be matrices, at least one, got shapes {shapes}")
    rows = [b.shape for b in biases]
    if rows != [shape[:1] for shape in shapes]:
        raise FieldError(f"LayeredField weights of shapes {shapes} need a bias for each row, got {rows}")
    if shapes[0][1] != shapes[-1][0]:
        raise FieldError(
            f"the layers of a LayeredField map dimension {shapes[0][1]} to {shapes[-1][0]}; "
            "a vector field keeps the dimension"
        )
    for layer, (before, shape) in enumerate(pairwise(shapes), start=2):
        if shape[1] != before[0]:
            raise FieldError(
                f"layer {layer} of a LayeredField reads {shape[1]} numbers, "
                f"but the layer before gives {before[0]}"
            )


@dataclass(frozen=True)
class HiddenLayer:
    """h = s(w u + b) of the layer u before it: w (m, k), b (m,), and m times the same profile s."""

    w: np.ndarray
    b: np.ndarray
    profiles: tuple[Profile, ...]


@dataclass(frozen=True)
class LayeredForm(RidgeForm):
    """The value A y + c + sum_k a_k g_k(w_k . u + b_k) in R^n of a state y in R^d, u the top layer `below`.

    A (n, d), c (n,), a (n, N), w (N, m) for u in R^m, b (N,). Without layers below, u = y: a RidgeForm.
    """

    below: tuple[HiddenLayer, ...] = ()

    def plus(self, other: RidgeForm) -> LayeredForm:
        """self + other. Raises ValueError if they are functions of different layers."""
        below = other.below if isinstance(other, LayeredForm) else ()
        if self.affine:
            return LayeredForm(
                self.A + other.A, self.c + other.c, other.a, other.w, other.b, other.profiles, below
            )
        if other.affine:
            return replace(self, A=self.A + other.A, c=self.c + other.c)
        if len(self.below) != len(below) or any(p is not q for p, q in zip(self.below, below)):
            raise ValueError("functions of different layers")
        total = super().plus(other)
        return LayeredForm(total.A, total.c, total.a, total.w, total.b, total.profiles, self.below)

    def activate(self, profile: Profile) -> LayeredForm:
        """profile(self), coordinate by coordinate. Raises ValueError if that reads a layer and the state."""
        n, d = self.A.shape
        if self.affine:
            w, below = self.A, self.below
        elif self.A.any():
            raise ValueError("a function of a hidden layer and of the state is no layer")
        else:
            w, below = self.a, (*self.below, HiddenLayer(self.w, self.b, self.profiles))
        return LayeredForm(np.zeros((n, d)), np.zeros(n), np.eye(n), w, self.c, (profile,) * n, below)

    def field(self) -> LayeredField:
        """The LayeredField it is, if n = d. Raises FieldError if a layer has neurons of different kinds or if
        a number is not finite."""
        hidden = [*self.below, HiddenLayer(self.w, self.b, self.profiles)]
        for number, layer in enumerate(hidden, start=1):
            names = sorted({profile.name for profile in layer.profiles})
            if len(names) != 1:
                raise FieldError(f"hidden layer {number} has neurons of different kinds: {', '.join(names)}")
        try:
            return LayeredField(
                [*(layer.w for layer in hidden), self.a],
                [*(layer.b for layer in hidden), self.c],
                [layer.profiles[0] for layer in hidden],
                self.A,
            )
        except ValueError as error:
            raise FieldError(f"the layers make no finite field: {error}") from None
