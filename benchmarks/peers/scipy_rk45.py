"""SciPy's solve_ivp, RK45 on all points of a batch as one state in float64, as its users do it.

The step size is that of the batch, controlled by the root mean square of its errors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from .blocks import in_blocks
from .peer import TOLERANCES, Peer, Points, Problem, Run

# Numbers in the largest intermediate result of a block of points.
_BLOCK = 2**15


class ScipyRK45(Peer):
    name = "SciPy RK45"
    packages = ("scipy", "numpy")

    def ladder(self, problem: Problem) -> tuple[float, ...]:
        return TOLERANCES

    def build(self, problem: Problem, setting: float) -> Run:
        field, duration, d = _FORMS[problem.form](problem), problem.duration, problem.dim

        def rate(t: float, state: np.ndarray) -> np.ndarray:
            return field(state.reshape(d, -1)).ravel()

        def run(x: Points) -> Points:
            state = x.T.astype(np.float64).ravel()
            solution = solve_ivp(
                rate,
                (0.0, duration),
                state,
                method="RK45",
                t_eval=(duration,),
                first_step=problem.first_step,
                rtol=setting,
                atol=setting,
            )
            if not solution.success:
                raise RuntimeError(solution.message)
            return solution.y.reshape(d, -1).T.astype(np.float32)

        return in_blocks(run, _BLOCK // max(d, problem.ridges.ridges))


def _network(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    field = problem.ridges
    w, b, a, c = field.w, field.b[:, None], np.ascontiguousarray(field.a.T), field.c[:, None]

    def rate(x: np.ndarray) -> np.ndarray:
        z = w @ x
        z += b
        v = a @ np.tanh(z, out=z)
        v += c
        return v

    return rate


def _pendulum(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    damping = problem.ridges.A[1, 1]
    return lambda x: np.stack([x[1], damping * x[1] - np.sin(x[0])])


def _hopfield(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    W = problem.ridges.a.T @ problem.ridges.w
    return lambda x: W @ np.tanh(x) - x


def _allen_cahn(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    diffusion = problem.ridges.A[0, 1]
    middle = 1 - 2 * diffusion

    def rate(u: np.ndarray) -> np.ndarray:
        v = u * u
        np.subtract(middle, v, out=v)
        v *= u
        near = u * diffusion
        v[1:] += near[:-1]
        v[:-1] += near[1:]
        v[0] += near[-1]
        v[-1] += near[0]
        return v

    return rate


_FORMS = {"network": _network, "pendulum": _pendulum, "hopfield": _hopfield, "allen_cahn": _allen_cahn}
