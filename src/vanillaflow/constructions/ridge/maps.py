"""Compositions of ridge maps: the smooth maps that a planar flow discretizes.

A ridge map is x -> x + f(w.x) with f from the line to R^d. Parallel planar maps are a ridge map whose f is
piecewise linear, and a splitting of a ridge field is a composition of ridge maps. Here every f is a
polynomial, so that few numbers describe the whole composition, and least squares (`fit`) finds a good
one in a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial import chebyshev

from .kernels import fill_jacobian, fill_states
from .settings import DEFAULTS, Settings


@dataclass(frozen=True, eq=False)
class RidgeMaps:
    """x -> M R_n(...R_1((x - center) / half)...) + m with R_r(u) = u + f_r(w_r.u), |w_r| = 1.

    In the coordinates of u the box of x is [-1, 1]^d, whatever its units. The last `held` coordinates stay
    as they are: f_r is zero there, and M and m bring x back.
    The profiles are f_r(s) = sum_k F[r, k] T_k((2 s - low - high) / (high - low)), T_k the Chebyshev
    polynomials.
    """

    w: Float[np.ndarray, "R d"]
    F: Float[np.ndarray, "R q d"]
    low: Float[np.ndarray, " R"]
    high: Float[np.ndarray, " R"]
    M: Float[np.ndarray, "d d"]
    m: Float[np.ndarray, " d"]
    center: Float[np.ndarray, " d"]
    half: Float[np.ndarray, " d"]
    held: int = 0
    settings: Settings = DEFAULTS

    @property
    def count(self) -> int:
        """How many numbers a step has."""
        R, q, d = self.F.shape
        return R * (q * self._moving + d) + self._moving * (d + 1)

    @property
    def degree(self) -> int:
        """Of the profiles."""
        return self.F.shape[1] - 1

    @property
    def _moving(self) -> int:
        return self.m.size - self.held

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return self.states(x)[-1] @ self.M.T + self.m

    def states(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "r n d"]:
        """u, and the states after each of the R = r - 1 ridge maps."""
        states = np.empty((len(self.w) + 1, *x.shape))
        states[0] = (x - self.center) / self.half
        fill_states(self.w, self.F, self.low, self.high, states)
        return states

    def unit(self, r: int, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """s, scaled so that the profile's range is [-1, 1]."""
        return (2 * s - self.low[r] - self.high[r]) / (self.high[r] - self.low[r])

    def profile(self, r: int, s: Float[np.ndarray, " n"], order: int = 0) -> Float[np.ndarray, "n d"]:
        """f_r(s), or its derivative of the given order."""
        scale = (2 / (self.high[r] - self.low[r])) ** order
        F = chebyshev.chebder(self.F[r], order, axis=0) if order else self.F[r]
        return scale * _basis(self.unit(r, s), len(F), order) @ F

    def bends(self) -> Float[np.ndarray, "R nodes d"]:
        """The second derivatives of the profiles by their unit variables, at equidistant nodes."""
        return np.einsum("jk,rkd->rjd", self.bend_basis(), self.F)

    def slopes(self) -> Float[np.ndarray, "R nodes"]:
        """1 + w.f', at equidistant nodes of the ranges: a map folds over where that is not positive."""
        along = np.einsum("rqd,rd->rq", self.F, self.w)
        return 1 + 2 / (self.high - self.low)[:, None] * (along @ self.slope_basis().T)

    def slope_basis(self) -> Float[np.ndarray, "nodes q"]:
        """The first derivatives of the Chebyshev polynomials at the nodes of `slopes`."""
        return _derivatives(self.settings.maps.nodes, self.F.shape[1], 1)

    def bend_basis(self) -> Float[np.ndarray, "nodes q"]:
        """Their second derivatives."""
        return _derivatives(self.settings.maps.nodes, self.F.shape[1], 2)

    def numbers_of_profiles(self) -> Int[np.ndarray, "R q moving"]:
        """Where F[r, k, i] is in a step (`move`), for the coordinates i that move."""
        R, q, d = self.F.shape
        e = self._moving
        first = np.arange(R) * (q * e + d)
        return first[:, None, None] + np.arange(q * e).reshape(q, e)

    def numbers_of_directions(self) -> Int[np.ndarray, "R d"]:
        """Where w[r] is in a step."""
        R, q, d = self.F.shape
        return (np.arange(R) * (q * self._moving + d) + q * self._moving)[:, None] + np.arange(d)

    def sensitivities(self, states: Float[np.ndarray, "r n d"]) -> list[Float[np.ndarray, "n d d"]]:
        """D(output) / D(state) after each ridge map, for the states that `states` gives."""
        return self.all_sensitivities(states)[1:]

    def all_sensitivities(self, states: Float[np.ndarray, "r n d"]) -> list[Float[np.ndarray, "n d d"]]:
        """D(output) / D(state) for each of the states that `states` gives, u among them."""
        n, d = states[0].shape
        S = np.broadcast_to(self.M, (n, d, d))
        sensitivities = [S]
        for r in reversed(range(len(self.w))):
            slope = self.profile(r, states[r] @ self.w[r], 1)
            S = S + (S @ slope[:, :, None]) * self.w[r]
            sensitivities.append(S)
        return sensitivities[::-1]

    def jacobian(
        self, states: Float[np.ndarray, "r n d"], dtype: type[np.floating[Any]] = np.float64
    ) -> Float[np.ndarray, "n d P"]:
        """The derivative with respect to all numbers, in the order of `move`, at the points of `states`."""
        _, n, d = states.shape
        J = np.empty((n, d, self.count), dtype)
        fill_jacobian(self.w, self.F, self.low, self.high, self.M, self._moving, states, J)
        return J

    def move(self, step: Float[np.ndarray, " P"]) -> RidgeMaps:
        """These maps plus a step: for each map F and w, then M and m."""
        R, q, d = self.F.shape
        e = self._moving
        ridges, M_step, m_step = np.split(step, [R * (q * e + d), R * (q * e + d) + e * d])
        ridges = ridges.reshape(R, q * e + d)
        F, M, m = self.F.copy(), self.M.copy(), self.m.copy()
        F[:, :, :e] += ridges[:, : q * e].reshape(R, q, e)
        M[:e] += M_step.reshape(e, d)
        m[:e] += m_step
        # A profile is a function of the place in its range: where w.x and the range shrink alike, it stays.
        w = self.w + ridges[:, q * e :]
        size = np.maximum(np.linalg.norm(w, axis=1), 1e-12)
        return replace(self, w=w / size[:, None], F=F, low=self.low / size, high=self.high / size, M=M, m=m)

    def fit_ranges(self, x: Float[np.ndarray, "n d"]) -> RidgeMaps:
        """Profiles that agree with these at q places of the ranges that the states of x have.

        Where a range has grown, these are straight in the new part, and polynomials are not.
        """
        q = self.F.shape[1]
        nodes = chebyshev.chebpts1(q)
        F, low, high = self.F.copy(), self.low.copy(), self.high.copy()
        for r, state in enumerate(self.states(x)[:-1]):
            s = state @ self.w[r]
            margin = self.settings.maps.margin * (s.max() - s.min()) + 1e-12
            low[r], high[r] = s.min() - margin, s.max() + margin
            values = self.profile(r, (low[r] + high[r] + nodes * (high[r] - low[r])) / 2)
            F[r] = np.linalg.solve(chebyshev.chebvander(nodes, q - 1), values)
        return replace(self, F=F, low=low, high=high)


def _basis(u: Float[np.ndarray, " n"], count: int, order: int = 0) -> Float[np.ndarray, "n count"]:
    """T_0, T_1, .. at u for the derivative of that order; beyond [-1, 1] as a profile that goes on straight.

    T_k'(1) = k^2, and T_k'(-1) = -(-1)^k k^2: both sides are T_k times 1 + k^2 times the distance beyond.
    """
    inside = np.clip(u, -1.0, 1.0)
    T = chebyshev.chebvander(inside, count - 1)
    beyond = np.abs(u - inside)[:, None]
    if order == 0:
        T *= 1 + beyond * np.arange(count) ** 2
    if order > 1:
        T[beyond[:, 0] > 0] = 0.0
    return T


@cache
def _derivatives(nodes: int, count: int, order: int) -> Float[np.ndarray, "nodes count"]:
    """Those of the Chebyshev polynomials at equidistant nodes."""
    derivatives = chebyshev.chebder(np.eye(count), order, axis=0)
    return chebyshev.chebval(np.linspace(-1, 1, nodes), derivatives).T


def idle_maps(
    x: Float[np.ndarray, "n d"],
    w: Float[np.ndarray, "R d"],
    degree: int,
    held: int = 0,
    settings: Settings = DEFAULTS,
) -> RidgeMaps:
    """Ridge maps with the directions w that do nothing yet, on the points x that fill a box."""
    R, d = w.shape
    ones = np.ones(R)
    F = np.zeros((R, degree + 1, d))
    low, high = x.min(axis=0), x.max(axis=0)
    center, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-300)
    maps = RidgeMaps(w, F, -ones, ones, np.diag(half), center, center, half, held, settings)
    return maps.fit_ranges(x)
