"""Monomials of the symbols: what makes Taylor models of affine forms.

The first symbols of a form may be the monomials e^k = prod_i e_i^(k_i) of d of them, up to some degree. Each
lies in [-1, 1], as a symbol does, so all that holds of forms still holds; but the product of two of them is
another one, where its degree is not too high, and not just something in [-1, 1] (Makino and Berz, Taylor
models and other validated functional inclusion methods, 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, eq=False)
class Monomials:
    """The monomials of d symbols from degree 1 up to `degree`, e_1 .. e_d first.

    `exponents` are theirs. `left`, `right` and `result` are the numbers of two of them, in all orders, and of
    their product, ascending.
    """

    degree: int
    exponents: Int[np.ndarray, "T d"]
    left: Int[np.ndarray, " P"]
    right: Int[np.ndarray, " P"]
    result: Int[np.ndarray, " P"]

    def __len__(self) -> int:
        return len(self.exponents)

    @property
    def dim(self) -> int:
        return self.exponents.shape[1]

    @cached_property
    def pairs(self) -> Int[np.ndarray, "P 3"]:
        """left, right and result, side by side."""
        return np.stack([self.left, self.right, self.result], axis=1)

    @cached_property
    def squares(self) -> int:
        """The squares of the first so many are monomials here, too."""
        return int(np.count_nonzero(2 * self.exponents.sum(axis=1) <= self.degree))


@lru_cache(maxsize=16)
def monomials(dim: int, degree: int) -> Monomials:
    """Those of so many symbols up to that degree, in ascending order of degree."""
    # Each as the sorted tuple of its factors: in that order, and that of the degrees, e_1 comes before e_2.
    every = [k for p in range(1, degree + 1) for k in combinations_with_replacement(range(dim), p)]
    number = {k: i for i, k in enumerate(every)}
    exponents = np.array([np.bincount(k, minlength=dim) for k in every])
    upto = [sum(len(k) <= p for k in every) for p in range(degree + 1)]
    found = sorted(
        (number[tuple(sorted(first + second))], i, j)
        for i, first in enumerate(every)
        for j, second in enumerate(every[: upto[degree - len(first)]])
    )
    result, left, right = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return Monomials(degree, exponents, left, right, result)
