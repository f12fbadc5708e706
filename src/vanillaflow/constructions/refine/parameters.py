"""The parameters of a refinement: planar maps and one affine map after them, kept within bounds.

The last `held` coordinates of the state are inputs, which a flow leaves as they are: there every a is zero
and the affine map is the identity. These numbers are not free.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from ...box import Box
from ...planar.flow import PlanarFlow
from ...runtime import Runtime
from .settings import DEFAULTS, Settings


@dataclass(frozen=True, eq=False)
class Parameters:
    """x -> M P_L(...P_1(x)...) + m with P_l(x) = x + a_l relu(w_l.x - t_l), |w_l| = 1.

    They carry the settings with which they are to be fitted, pruned and grown.
    """

    a: Float[np.ndarray, "L d"]
    w: Float[np.ndarray, "L d"]
    t: Float[np.ndarray, " L"]
    M: Float[np.ndarray, "d d"]
    m: Float[np.ndarray, " d"]
    held: int = 0
    settings: Settings = DEFAULTS

    @property
    def kinks(self) -> int:
        return self.t.size

    @property
    def dim(self) -> int:
        return self.m.size

    @property
    def moving(self) -> int:
        """How many coordinates are not held."""
        return self.dim - self.held

    @property
    def count(self) -> int:
        """How many numbers `pack` gives."""
        return self.kinks * (2 * self.dim + 1) + self.dim * (self.dim + 1)

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        stops, M, m = np.array([self.kinks]), self.M[None], self.m[None]
        maps = self.a, self.w, self.t, stops, M, m
        return Runtime.of(maps, tables=False).forward(np.ascontiguousarray(x))

    def pack(self) -> Float[np.ndarray, " P"]:
        """All numbers in the order of the Jacobian's columns."""
        return np.concatenate([self.a.ravel(), self.w.ravel(), self.t, self.M.ravel(), self.m])

    def move(self, step: Float[np.ndarray, " P"]) -> Parameters:
        """These parameters plus a step, projected back into the bounds."""
        L, d = self.kinks, self.dim
        parts = np.split(self.pack() + step, np.cumsum([L * d, L * d, L, d * d]))
        a, w, t, M, m = parts
        return project(a.reshape(L, d), w.reshape(L, d), t, M.reshape(d, d), m, self.held, self.settings)

    @cached_property
    def turns(self) -> Float[np.ndarray, "L turns d"]:
        """An orthonormal basis of the directions in which each w can turn, all those orthogonal to it.

        The rows but the first of the Householder reflection that takes w to the first axis, up to sign.
        """
        v = self.w.copy()
        v[:, 0] += np.where(v[:, 0] < 0, -1.0, 1.0)
        square = np.einsum("ld,ld->l", v, v)
        return np.eye(self.dim)[1:] - 2 * v[:, 1:, None] * v[:, None] / square[:, None, None]

    @cached_property
    def free(self) -> Bool[np.ndarray, " turned"]:
        """Which of all numbers are free, with the coordinates in `turns` for the w."""
        L, d = self.kinks, self.dim
        moving = np.arange(d) < self.moving
        turns_and_t = np.ones(L * d, dtype=bool)
        return np.concatenate([np.tile(moving, L), turns_and_t, np.repeat(moving, d), moving])

    def reduce(self, vector: Float[np.ndarray, " P"]) -> Float[np.ndarray, " free"]:
        """A vector over all numbers as one over the free ones."""
        first, last = self.kinks * self.dim, 2 * self.kinks * self.dim
        along = np.einsum("lrd,ld->lr", self.turns, vector[first:last].reshape(self.kinks, self.dim))
        return np.concatenate([vector[:first], along.ravel(), vector[last:]])[self.free]

    def expand(self, vector: Float[np.ndarray, " free"]) -> Float[np.ndarray, " P"]:
        """The vector over all numbers whose coordinates these are: `reduced` backwards."""
        L, d = self.kinks, self.dim
        given, vector = vector, np.zeros(self.free.size)
        vector[self.free] = given
        first, last = L * d, L * (2 * d - 1)
        w = np.einsum("lrd,lr->ld", self.turns, vector[first:last].reshape(L, d - 1))
        return np.concatenate([vector[:first], w.ravel(), vector[last:]])

    def insert(
        self,
        at: Int[np.ndarray, " k"],
        a: Float[np.ndarray, "k d"],
        w: Float[np.ndarray, "k d"],
        t: Float[np.ndarray, " k"],
    ) -> Parameters:
        """With new planar maps before the present maps `at` (non-decreasing)."""
        return project(
            np.insert(self.a, at, a, axis=0),
            np.insert(self.w, at, w, axis=0),
            np.insert(self.t, at, t),
            self.M,
            self.m,
            self.held,
            self.settings,
        )

    def without(self, out: Int[np.ndarray, " k"]) -> Parameters:
        """These parameters less the planar maps `out`."""
        keep = np.setdiff1d(np.arange(self.kinks), out)
        return replace(self, a=self.a[keep], w=self.w[keep], t=self.t[keep])

    def flow(self, domain: Box) -> PlanarFlow:
        """As a PlanarFlow."""
        return PlanarFlow(self.a, self.w, self.t, [self.kinks], self.M[None], self.m[None], domain=domain)


def project(
    a: np.ndarray,
    w: np.ndarray,
    t: np.ndarray,
    M: np.ndarray,
    m: np.ndarray,
    held: int = 0,
    settings: Settings = DEFAULTS,
) -> Parameters:
    """Scale to |w| = 1, which changes nothing, move a along w until kappa is in its range, and hold."""
    size = np.maximum(np.linalg.norm(w, axis=1, keepdims=True), 1e-12)
    a, w, t = a * size, w / size, t / size[:, 0]
    moving = w
    if held:
        moving = w * (np.arange(m.size) < m.size - held)
        a, M, m = a.copy(), M.copy(), m.copy()
        a[:, -held:], M[-held:], m[-held:] = 0.0, np.eye(m.size)[-held:], 0.0
    along = np.einsum("ld,ld->l", a, w)
    kept = np.clip(along, settings.kappa_range[0] - 1, settings.kappa_range[1] - 1)
    square = np.maximum(np.einsum("ld,ld->l", moving, moving), 1e-24)
    return Parameters(a + ((kept - along) / square)[:, None] * moving, w, t, M, m, held, settings)


def from_flow(flow: PlanarFlow, held: int = 0, settings: Settings = DEFAULTS) -> Parameters:
    """The same map with every affine map moved behind the planar ones (M P M^-1 is planar again).

    Its last `held` coordinates are inputs.
    """
    M, m = np.eye(flow.dim), np.zeros(flow.dim)
    a, w, t = flow.a.copy(), flow.w.copy(), flow.t.copy()
    j = 0
    for k in range(flow.kinks + 1):
        while j < flow.stops.size and flow.stops[j] == k:
            M, m = flow.M[j] @ M, flow.M[j] @ m + flow.m[j]
            j += 1
        if k < flow.kinks:
            a[k], w[k], t[k] = np.linalg.solve(M, a[k]), M.T @ w[k], t[k] - w[k] @ m
    return project(a, w, t, M, m, held, settings)
