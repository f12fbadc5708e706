"""Property: what is asked of the outputs of a flow or network, as the sets of outputs it must not reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..box import Box
from ..validation import require_finite


@dataclass(frozen=True, eq=False)
class UnsafeSet:
    """One way to violate a property: a start x in `box` whose image y has A y <= b, in every row.

    A negative zero becomes zero, so that equal sets are the same to the bit.

    Parameters
    ----------
    box : Box
        The starts.
    A : (m, d_out) array
        The matrix, with a row and a column at least.
    b : (m,) array
        The bounds.

    Raises
    ------
    ValueError
        If `A` or `b` has another shape, or a number is not finite.
    TypeError
        If `box` is not a Box.
    """

    box: Box
    A: Float[np.ndarray, "m d_out"]
    b: Float[np.ndarray, " m"]

    def __init__(self, box, A, b):
        if not isinstance(box, Box):
            raise TypeError(f"UnsafeSet box must be a Box, got {type(box).__name__}")
        A, b = _constraints("UnsafeSet", A, b)
        object.__setattr__(self, "box", Box(box.low + 0.0, box.high + 0.0))
        for name, value in (("A", A), ("b", b)):
            value = value + 0.0  # A copy, without negative zeros.
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def inputs(self) -> int:
        return self.box.dim

    @property
    def outputs(self) -> int:
        return self.A.shape[1]


@dataclass(frozen=True, eq=False)
class Property:
    """A property, which holds for a map if it takes no start of any unsafe set into that set.

    Parameters
    ----------
    unsafe : sequence of UnsafeSet
        The unsafe sets, one at least.
    name : str
        The name, for reports and messages.

    Raises
    ------
    ValueError
        If there is no unsafe set, or the sets differ in the number of inputs or outputs.
    TypeError
        If they are not UnsafeSets or the name is not a text.
    """

    unsafe: tuple[UnsafeSet, ...]
    name: str = "property"

    def __init__(self, unsafe, name="property"):
        unsafe = tuple(unsafe)
        if not unsafe:
            raise ValueError("Property needs at least one unsafe set")
        for i, each in enumerate(unsafe):
            if not isinstance(each, UnsafeSet):
                raise TypeError(f"Property needs UnsafeSets, got {type(each).__name__} at index {i}")
            if (each.inputs, each.outputs) != (unsafe[0].inputs, unsafe[0].outputs):
                raise ValueError(
                    f"the unsafe sets must have the same dimensions: set 0 has {unsafe[0].inputs} inputs and "
                    f"{unsafe[0].outputs} outputs, set {i} has {each.inputs} and {each.outputs}"
                )
        if not isinstance(name, str):
            raise TypeError(f"Property name must be a text, got {type(name).__name__}")
        object.__setattr__(self, "unsafe", unsafe)
        object.__setattr__(self, "name", name)

    @property
    def inputs(self) -> int:
        return self.unsafe[0].inputs

    @property
    def outputs(self) -> int:
        return self.unsafe[0].outputs

    @classmethod
    def always(cls, box: Box, A, b, name: str = "property") -> Property:
        """The property A y < b, in every row, for the image y of every start of the box, called `name`.

        It has one unsafe set { A_i y >= b_i } per row i. Unsafe sets are closed, so that an image on the
        boundary A_i y = b_i violates it. ValueError and TypeError are raised as by UnsafeSet.
        """
        A, b = _constraints("always", A, b)
        return cls([UnsafeSet(box, -row[None], [-bound]) for row, bound in zip(A, b)], name)

    def widened(self, margin: Float[np.ndarray, " d_out"]) -> Property:
        """The property with unsafe sets { A y <= b + |A| margin }, rounded outward, over the same boxes.

        If |N(x) - Phi(x)| <= margin in every output at every start x of the boxes, and the widened property
        holds for N, then this property holds for Phi: where A Phi(x) <= b,
        A N(x) = A Phi(x) + A (N(x) - Phi(x)) <= b + |A| margin.

        Raises
        ------
        ValueError
            If `margin` is not of shape (d_out,), is negative or not finite, or a widened set has numbers that
            are not finite.
        """
        margin = require_finite("margin", margin)
        if margin.shape != (self.outputs,):
            raise ValueError(f"margin must have shape ({self.outputs},), got {margin.shape}")
        if np.any(margin < 0):
            i = int(np.argmax(margin < 0))
            raise ValueError(f"margin must not be negative, found {margin[i]:g} at index {i}")
        widened = [UnsafeSet(each.box, each.A, _grown(each.A, each.b, margin)) for each in self.unsafe]
        return Property(widened, self.name)

    def violated_by(
        self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d_out"]
    ) -> Bool[np.ndarray, " n"]:
        """Which starts `x` with images `y` violate the property.

        A y is computed in float64, rounded to nearest.

        Raises
        ------
        ValueError
            If the shapes do not match the property or each other, or a number is not finite.
        """
        x, y = require_finite("x", x), require_finite("y", y)
        n = len(x) if x.ndim else 0
        for name, value, width in (("x", x, self.inputs), ("y", y, self.outputs)):
            if value.shape != (n, width):
                raise ValueError(f"{name} must have shape ({n}, {width}), got {value.shape}")
        violated = np.zeros(n, dtype=bool)
        for each in self.unsafe:
            violated |= each.box.contains(x) & np.all(y @ each.A.T <= each.b, axis=1)
        return violated


def _constraints(owner: str, A, b) -> tuple[np.ndarray, np.ndarray]:
    """A (m, d_out) and b (m,), as float64. Raises ValueError, naming `owner`, if they are none."""
    A, b = require_finite(f"{owner} A", A), require_finite(f"{owner} b", b)
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"{owner} needs a matrix A with a row and a column at least, got shape {A.shape}")
    if b.shape != (len(A),):
        raise ValueError(f"{owner} needs one number b per row of A: shape ({len(A)},), got {b.shape}")
    return A, b


def _grown(
    A: Float[np.ndarray, "m d_out"], b: Float[np.ndarray, " m"], margin: Float[np.ndarray, " d_out"]
) -> Float[np.ndarray, " m"]:
    """An upper bound of b + |A| margin, within some d_out roundings; b itself where |A| margin is zero."""
    # S = |A| margin is a sum of n products that are not negative. Whatever its order, its computed value s
    # has |s - S| <= g S + n eta, with g = n u / (1 - n u), u = 2^-53, and eta = 2^-1074 for products that
    # underflow (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). So
    # S <= (s + n eta) / (1 - g) <= (s + n eta) (1 + 4 n u), as n u < 1/4. Each operation is rounded up.
    n, eps, eta = margin.size, np.finfo(np.float64).eps, np.finfo(np.float64).smallest_subnormal
    with np.errstate(over="ignore", under="ignore"):  # What is infinite is refused by UnsafeSet.
        growth = _up(_up(np.abs(A) @ margin + n * eta) * (1 + 2 * n * eps))
        grown = _up(b + growth)
    touched = np.any((A != 0) & (margin != 0), axis=1)
    return np.where(touched, grown, b)


def _up(x: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    return np.nextafter(x, np.inf)
