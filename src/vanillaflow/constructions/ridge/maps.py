"""Compositions of ridge maps: the smooth maps that a planar flow discretizes.

A ridge map is x -> x + f(w.x) with f from the line to R^d. Parallel planar maps are a ridge map whose f is
piecewise linear, and a splitting of a ridge field is a composition of ridge maps. Here every f is a
polynomial, so that few numbers describe the whole composition, and least squares (`fit`) finds a good
one in a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial import chebyshev

from .settings import DEFAULTS, Settings


@dataclass(frozen=True, eq=False)
class RidgeMaps:
    """x -> M R_n(...R_1(x)...) + m with R_r(x) = x + f_r(w_r.x), |w_r| = 1.

    The last `held` coordinates stay as they are: f_r is zero there, and M the identity.
    The profiles are f_r(s) = sum_k F[r, k] T_k((2 s - low - high) / (high - low)), T_k the Chebyshev
    polynomials.
    """

    w: Float[np.ndarray, "R d"]
    F: Float[np.ndarray, "R q d"]
    low: Float[np.ndarray, " R"]
    high: Float[np.ndarray, " R"]
    M: Float[np.ndarray, "d d"]
    m: Float[np.ndarray, " d"]
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

    def raise_degree(self, degrees: int) -> RidgeMaps:
        """The same maps, their profiles written with so many degrees more."""
        return replace(self, F=np.pad(self.F, ((0, 0), (0, degrees), (0, 0))))

    @property
    def _moving(self) -> int:
        return self.m.size - self.held

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return self.states(x)[-1] @ self.M.T + self.m

    def states(self, x: Float[np.ndarray, "n d"]) -> list[Float[np.ndarray, "n d"]]:
        """x, and the states after each ridge map."""
        states = [x]
        for r in range(len(self.w)):
            x = x + self.profile(r, x @ self.w[r])
            states.append(x)
        return states

    def unit(self, r: int, s: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """s, scaled so that the profile's range is [-1, 1]."""
        return (2 * s - self.low[r] - self.high[r]) / (self.high[r] - self.low[r])

    def profile(self, r: int, s: Float[np.ndarray, " n"], order: int = 0) -> Float[np.ndarray, "n d"]:
        """f_r(s), or its derivative of the given order."""
        scale = (2 / (self.high[r] - self.low[r])) ** order
        F = chebyshev.chebder(self.F[r], order, axis=0) if order else self.F[r]
        return scale * chebyshev.chebvander(self.unit(r, s), len(F) - 1) @ F

    def bends(self) -> Float[np.ndarray, "R nodes d"]:
        """The second derivatives of the profiles by their unit variables, at equidistant nodes."""
        return np.einsum("jk,rkd->rjd", self.bend_basis(), self.F)

    def bend_basis(self) -> Float[np.ndarray, "nodes q"]:
        """Those of the Chebyshev polynomials."""
        derivatives = chebyshev.chebder(np.eye(self.F.shape[1]), 2, axis=0)
        return chebyshev.chebval(np.linspace(-1, 1, self.settings.maps.nodes), derivatives).T

    def numbers_of_profiles(self) -> Int[np.ndarray, "R q moving"]:
        """Where F[r, k, i] is in a step (`moved`), for the coordinates i that move."""
        R, q, d = self.F.shape
        e = self._moving
        first = np.arange(R) * (q * e + d)
        return first[:, None, None] + np.arange(q * e).reshape(q, e)

    def sensitivities(self, states: list[Float[np.ndarray, "n d"]]) -> list[Float[np.ndarray, "n d d"]]:
        """D(output) / D(state) after each ridge map, for the states that `states` gives."""
        n, d = states[0].shape
        S = np.broadcast_to(self.M, (n, d, d))
        sensitivities = [S]
        for r in reversed(range(len(self.w))):
            slope = self.profile(r, states[r] @ self.w[r], 1)
            S = S + (S @ slope[:, :, None]) * self.w[r]
            sensitivities.append(S)
        return sensitivities[-2::-1] if len(self.w) else []

    def jacobian(self, states: list[Float[np.ndarray, "n d"]]) -> Float[np.ndarray, "n d P"]:
        """The derivative with respect to all numbers, in the order of `moved`."""
        n, d = states[0].shape
        e = self._moving
        columns = []
        for r, S in enumerate(self.sensitivities(states)):
            s = states[r] @ self.w[r]
            T = chebyshev.chebvander(self.unit(r, s), self.F.shape[1] - 1)
            along = S @ self.profile(r, s, 1)[:, :, None]
            columns.append((T[:, None, :, None] * S[:, :, None, :e]).reshape(n, d, -1))
            columns.append(along * states[r][:, None, :])
        eye = np.broadcast_to(np.eye(d)[:, :e], (n, d, e))
        columns.append((eye[:, :, :, None] * states[-1][:, None, None, :]).reshape(n, d, e * d))
        return np.concatenate([*columns, eye], axis=2)

    def move(self, step: Float[np.ndarray, " P"], x: Float[np.ndarray, "n d"]) -> RidgeMaps:
        """These maps plus a step: for each map F and w, then M and m.

        The states of the points x tell the ranges of the profiles.
        """
        R, q, d = self.F.shape
        e = self._moving
        ridges, M_step, m_step = np.split(step, [R * (q * e + d), R * (q * e + d) + e * d])
        ridges = ridges.reshape(R, q * e + d)
        F, M, m = self.F.copy(), self.M.copy(), self.m.copy()
        F[:, :, :e] += ridges[:, : q * e].reshape(R, q, e)
        M[:e] += M_step.reshape(e, d)
        m[:e] += m_step
        return replace(self, F=F, w=self.w + ridges[:, q * e :], M=M, m=m)._normalize(x)

    def _normalize(self, x: Float[np.ndarray, "n d"]) -> RidgeMaps:
        """The same maps with |w| = 1 and each profile's range the one that the states of `x` have."""
        R, q, _ = self.F.shape
        nodes = chebyshev.chebpts1(q)
        w, F, low, high = self.w.copy(), self.F.copy(), self.low.copy(), self.high.copy()
        for r in range(R):
            size = max(float(np.linalg.norm(w[r])), 1e-12)
            w[r] /= size
            s = x @ w[r]
            margin = self.settings.maps.margin * (s.max() - s.min()) + 1e-12
            low[r], high[r] = s.min() - margin, s.max() + margin
            # A polynomial is known by its values at q points; w.x was `size` times the new s.
            values = self.profile(r, size * (low[r] + high[r] + nodes * (high[r] - low[r])) / 2)
            F[r] = np.linalg.solve(chebyshev.chebvander(nodes, q - 1), values)
            x = x + chebyshev.chebvander((2 * s - low[r] - high[r]) / (high[r] - low[r]), q - 1) @ F[r]
        return replace(self, w=w, F=F, low=low, high=high)


def idle_maps(
    x: Float[np.ndarray, "n d"],
    w: Float[np.ndarray, "R d"],
    degree: int,
    held: int = 0,
    settings: Settings = DEFAULTS,
) -> RidgeMaps:
    """Ridge maps with the directions w that do nothing yet, on the points x."""
    R, d = w.shape
    zeros, ones = np.zeros(R), np.ones(R)
    F = np.zeros((R, degree + 1, d))
    maps = RidgeMaps(w, F, -ones, ones, np.eye(d), np.zeros(d), held, settings)
    return maps.move(np.zeros(maps.count), x) if zeros.size else maps
