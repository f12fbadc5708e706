"""Families of planar maps fitted to a flow map: Levenberg-Marquardt over the few numbers that describe them.

A step of a family's a, w and t is a polynomial of the place within it. With B the matrix from the
coefficients to all numbers, the Gauss-Newton matrix is (J B)^T W (J B), which costs little more than J.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve

from ....runtime.threads import parts_of, side_by_side
from ....sampling.samples import Samples, p_norm
from ...construction import Stop, never
from ...levenberg_marquardt import first_improvement, lower_norm
from ..least_squares.jacobian_kernels import scaled_jacobian
from ..least_squares.least_squares import Fit, Objective
from ..parameters import Parameters
from .families import Families


def fit_families(
    families: Families, samples: Samples, p: float, degree: int, steps: int, stop: Stop = never
) -> tuple[Families, float]:
    """The families with a lower p-norm of their error, and that norm."""
    bases, settings = families.bases(degree), families.parameters.settings.families
    trials = (1 / settings.damping_factor, 1.0)

    def at(theta: Parameters) -> Fit:
        residual = theta(samples.x) - samples.y
        return Fit(theta, residual, p_norm(residual, p))

    def step(fit: Fit, damping: float) -> tuple[Fit | None, float]:
        objective = Objective(samples, p, fit.norm)
        weights = (p - 1) / fit.residual.size * objective.weights(fit.residual)
        rows = np.arange(len(samples))
        if p > 2:
            rows = _heaviest((weights * fit.residual**2).sum(axis=1), settings.covered)
        compression = _Compression(fit.parameters, bases)
        H = compression.matrix(samples.x[rows], weights[rows])
        g = compression.compress(objective.gradient(objective.at(fit.parameters)))
        damper = np.diag(H) + settings.floor * np.diag(H).mean()

        def attempt(value: float) -> Fit | None:
            theta = _step(compression, H, value * damper, g)
            return None if theta is None else at(theta)

        found, damping = first_improvement(
            fit, attempt, damping, settings.damping_factor, settings.tries, trials
        )
        return found, max(damping, settings.least_damping)

    fit, _ = lower_norm(at(families.parameters), step, settings.damping, steps, stop, settings.least_gain)
    return Families(fit.parameters, families.counts), fit.norm


def _heaviest(share: Float[np.ndarray, " n"], part: float) -> Int[np.ndarray, " k"]:
    order = np.argsort(-share, kind="stable")
    covered = np.searchsorted(np.cumsum(share[order]), part * share.sum())
    return order[: int(covered) + 1]


def _step(compression: _Compression, H: np.ndarray, damper: np.ndarray, g: np.ndarray) -> Parameters | None:
    try:
        step = cho_solve(cho_factor(H + np.diag(damper)), -g)
    except (np.linalg.LinAlgError, ValueError):
        return None
    return compression.theta.move(compression.expand(step))


@dataclass(frozen=True, eq=False)
class _Compression:
    """B for some parameters: from coefficients to all numbers.

    Each family has coefficients of a, of w and of t, one after the other; M and m follow. A w only turns:
    steps along it are left out. What is held has no coefficients.
    """

    theta: Parameters
    bases: list[Float[np.ndarray, "_ _"]]

    def expand(self, c: Float[np.ndarray, " C"]) -> Float[np.ndarray, " P"]:
        """B c."""
        theta = self.theta
        L, d, e = theta.kinks, theta.dim, theta.moving
        a, w, t = np.zeros((L, d)), np.empty((L, d)), np.empty(L)
        first = 0
        for V in self.bases:
            q = V.shape[1]
            own = slice(first, first + len(V))
            of_a, of_w, of_t, c = np.split(c, [q * e, q * (e + d), q * (e + d + 1)])
            a[own, :e], w[own], t[own] = V @ of_a.reshape(q, e), V @ of_w.reshape(q, d), V @ of_t
            first += len(V)
        after = np.zeros(self._free_after.size)
        after[self._free_after] = c
        return np.concatenate([a.ravel(), self._turn(w).ravel(), t, after])

    def compress(self, gradient: Float[np.ndarray, " P"]) -> Float[np.ndarray, " C"]:
        """B^T times a gradient."""
        theta = self.theta
        L, d, e = theta.kinks, theta.dim, theta.moving
        a, w, t, after = np.split(gradient, [L * d, 2 * L * d, (2 * d + 1) * L])
        a, w = a.reshape(L, d), self._turn(w.reshape(L, d))
        parts, first = [], 0
        for V in self.bases:
            own = slice(first, first + len(V))
            parts += [(V.T @ a[own, :e]).ravel(), (V.T @ w[own]).ravel(), V.T @ t[own]]
            first += len(V)
        return np.concatenate([*parts, after[self._free_after]])

    def matrix(
        self, x: Float[np.ndarray, "n d"], weights: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, "C C"]:
        """(J B)^T W (J B), in float32: a damped step needs no more."""
        theta, root = self.theta, np.sqrt(weights)
        P, d = theta.count - theta.kinks, theta.dim
        most = theta.settings.least_squares.chunk_numbers // (P * d)
        chunk = max(1, min(-(-len(x) // len(parts_of(len(x)))), most))

        def part_of(first: int) -> np.ndarray:
            part = slice(first, first + chunk)
            J = np.empty((P, d, len(x[part])), dtype=np.float32)
            scaled_jacobian(x[part], theta.a, theta.w, theta.t, theta.M, theta.turns, root[part], J)
            rows = self._rows(J.reshape(P, -1))
            return rows @ rows.T

        return np.sum(side_by_side([partial(part_of, first) for first in range(0, len(x), chunk)]), axis=0)

    def _rows(self, J: Float[np.ndarray, "P n"]) -> Float[np.ndarray, "C n"]:
        """B^T J, J with the derivatives along the turns of each w."""
        theta = self.theta
        L, d, e, n = theta.kinks, theta.dim, theta.moving, J.shape[1]
        a, w, t, after = np.split(J, [L * d, L * (2 * d - 1), 2 * L * d])
        a, w = a.reshape(L, d, n)[:, :e], w.reshape(L, d - 1, n)
        turns = theta.turns.astype(np.float32)
        parts, first = [], 0
        for V in self.bases:
            own = slice(first, first + len(V))
            basis = V.astype(np.float32)
            parts.append((basis.T @ a[own].reshape(len(V), -1)).reshape(-1, n))
            turning = np.einsum("lq,lri->qilr", basis, turns[own]).reshape(-1, len(V) * (d - 1))
            parts += [turning @ w[own].reshape(-1, n), basis.T @ t[own]]
            first += len(V)
        return np.concatenate([*parts, after[self._free_after]])

    def _turn(self, w: Float[np.ndarray, "L d"]) -> Float[np.ndarray, "L d"]:
        """Without what is along each w of theta."""
        return w - np.einsum("ld,ld->l", w, self.theta.w)[:, None] * self.theta.w

    @property
    def _free_after(self) -> np.ndarray:
        """Which numbers of M and m are free."""
        d = self.theta.dim
        return self.theta.free[self.theta.free.size - d * (d + 1) :]
