"""Arithmetic on ridge sums: what a program computes from a state, while it is a RidgeField in the making."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .profiles import Profile


@dataclass(frozen=True)
class RidgeForm:
    """The value A y + c + sum_k a_k g_k(w_k . y + b_k) in R^n of a state y in R^d.

    A (n, d), c (n,), a (n, N): column k is a_k; w (N, d), b (N,), and N profiles.
    """

    A: np.ndarray
    c: np.ndarray
    a: np.ndarray
    w: np.ndarray
    b: np.ndarray
    profiles: tuple[Profile, ...] = ()

    @classmethod
    def state(cls, d: int) -> RidgeForm:
        """y itself."""
        return cls(np.eye(d), np.zeros(d), np.zeros((d, 0)), np.zeros((0, d)), np.zeros(0))

    @property
    def size(self) -> int:
        """n."""
        return self.c.size

    @property
    def affine(self) -> bool:
        """Whether there is no ridge term."""
        return not self.profiles

    def map(self, matrix: np.ndarray, offset: np.ndarray | float = 0.0) -> RidgeForm:
        """matrix @ self + offset."""
        return replace(self, A=matrix @ self.A, c=matrix @ self.c + offset, a=matrix @ self.a)

    def shift(self, offset: np.ndarray | float) -> RidgeForm:
        """self + offset."""
        return replace(self, c=self.c + offset)

    def scale(self, factor: np.ndarray | float) -> RidgeForm:
        """factor * self, coordinate by coordinate."""
        column = np.broadcast_to(factor, self.c.shape)[:, None]
        return replace(self, A=column * self.A, c=factor * self.c, a=column * self.a)

    def plus(self, other: RidgeForm) -> RidgeForm:
        """self + other."""
        return RidgeForm(
            self.A + other.A,
            self.c + other.c,
            np.concatenate([self.a, other.a], axis=1),
            np.concatenate([self.w, other.w]),
            np.concatenate([self.b, other.b]),
            self.profiles + other.profiles,
        )

    def activate(self, profile: Profile) -> RidgeForm:
        """profile(self), coordinate by coordinate. Only an affine form has one that is a ridge sum again."""
        if not self.affine:
            raise ValueError("a function of a ridge sum is no ridge sum")
        n, d = self.A.shape
        return RidgeForm(np.zeros((n, d)), np.zeros(n), np.eye(n), self.A, self.c, (profile,) * n)
