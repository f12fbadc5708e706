"""Profiles: the scalar functions g of a ridge g(w.x + b), each with derivative and scalar flow.

The scalar flow h(nu, s) is the value at time s of the solution of nu' = g(nu) that starts at nu. It is
what makes the flow of one ridge piece exact (see `ridge.RidgeField.ridge_flow`). It is increasing in nu.
Where the solution does not exist up to time s, h is NaN.

Closed forms are derived by separation of variables, integral dnu / g(nu) = s; the less obvious ones
stand above their code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import erf, expit, wrightomega

from ..errors import FieldError

# Below this |mu tau| the difference quotient (h - nu)/mu loses more digits than one Runge-Kutta step, which
# has no quotient, does: 1e-16/s against (s g')^4/120.
_QUOTIENT_ABOVE = 1e-5

Scalar = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Profile:
    """A scalar function with its derivative and, where known, the closed form of its flow.

    Parameters
    ----------
    name
        What files and messages call it.
    value, derivative
        The function g and its derivative, vectorized over arrays.
    closed_flow
        The function (nu, s) that solves nu' = g(nu) from nu for time s, vectorized over nu.
    breaks
        The points where g is not smooth (a relu has its kink at 0).
    formula
        The function that `value` computes, as a SymPy Lambda, where there is one: rigorous certificates go
        by it.
    """

    name: str
    value: Scalar
    derivative: Scalar
    closed_flow: Callable[[np.ndarray, float], np.ndarray] | None = None
    breaks: tuple[float, ...] = ()
    formula: Any = None

    def flow(self, nu: np.ndarray, s: float) -> np.ndarray:
        """h(nu, s): where nu' = g(nu) carries nu in time s (s may be negative). NaN where it blows up."""
        nu = np.asarray(nu, dtype=np.float64)
        if s == 0.0:
            return nu.copy()
        with np.errstate(all="ignore"):
            if self.closed_flow:
                h = self.closed_flow(nu, s)
            else:
                h = nu + numerical_displacement(self.value, nu, 1.0, s)
        return np.where(np.isfinite(h), h, np.nan)

    def displacement(self, nu: np.ndarray, mu: float, tau: float) -> np.ndarray:
        """The D(nu) such that the flow of x' = a g(w.x + b), mu = w.a, for time tau is x + a D(w.x + b).

        Along the flow only nu = w.x + b matters: nu' = mu g(nu), a scalar ODE with flow h(nu, mu tau). As
        x' = a g(nu) = (a/mu) nu', the point x moves by a (h - nu)/mu, or by a tau g(nu) if mu = 0.
        """
        s = mu * tau
        with np.errstate(all="ignore"):
            if mu == 0 or tau == 0:
                return tau * self.value(nu)
            if self.closed_flow is None:
                return numerical_displacement(self.value, nu, mu, tau)
            if abs(s) < _QUOTIENT_ABOVE:
                # The classical Runge-Kutta step for D' = g(nu + mu D).
                k1 = self.value(nu)
                k2 = self.value(nu + s / 2 * k1)
                k3 = self.value(nu + s / 2 * k2)
                k4 = self.value(nu + s * k3)
                return tau * (k1 + 2 * k2 + 2 * k3 + k4) / 6
            return (self.flow(nu, s) - nu) / mu


def numerical_displacement(g: Scalar, nu: np.ndarray, mu: float, tau: float) -> np.ndarray:
    """D(tau) for D' = g(nu + mu D), D(0) = 0, by DOP853 to about 1e-12: nu + mu D is the flow of mu g.

    Solving for D instead of the flow keeps all digits when mu is small. Where the solver cannot continue,
    the batch is halved until the points that blow up stand alone; they come back as NaN.
    """
    start = nu.ravel()
    # As tight as scipy allows: the error estimate of DOP853 now and then misses a factor of several hundred,
    # and it controls the root mean square over the batch, not the worst point.
    tolerance = 3e-14
    if np.all(np.isfinite(g(start))):
        solution = solve_ivp(
            lambda _, D: g(start + mu * D),
            (0.0, tau),
            np.zeros_like(start),
            method="DOP853",
            rtol=tolerance,
            atol=tolerance,
            t_eval=[tau],
        )
        if solution.success and np.all(np.isfinite(solution.y)):
            return solution.y[:, -1].reshape(nu.shape)
    if start.size <= 1:
        return np.full(nu.shape, np.nan)
    halves = np.array_split(start, 2)
    return np.concatenate([numerical_displacement(g, half, mu, tau) for half in halves]).reshape(nu.shape)


def _tanh_flow(nu: np.ndarray, s: float) -> np.ndarray:
    # d/dt log sinh nu = nu'/tanh nu = 1, so sinh h = e^s sinh nu. In logarithms, to avoid overflow:
    # q = s + log sinh|nu| and |h| = asinh(e^q) = q + log(1 + sqrt(1 + e^{-2q})) for q > 0.
    r = np.abs(nu)
    q = s + r + np.log(-np.expm1(-2 * r)) - np.log(2.0)
    big = q + np.log1p(np.sqrt(1 + np.exp(-2 * np.maximum(q, 0))))
    return np.sign(nu) * np.where(q > 0, big, np.arcsinh(np.exp(np.minimum(q, 0))))


def _sigmoid_flow(nu: np.ndarray, s: float) -> np.ndarray:
    # (1 + e^{-nu}) dnu = dt gives h - e^{-h} = k with k = nu - e^{-nu} + s. With v = e^{-h}:
    # v + log v = -k, whose solution is Wright's omega function, v = omega(-k).
    k = nu - np.exp(-nu) + s
    v = wrightomega(-k)
    # For very negative nu, e^{-nu} swallows nu + s: then h = nu + s e^{nu} to rounding.
    return np.where(nu < -30, nu + s * np.exp(nu), np.where(k < 0, -np.log(v), k + v))


def _sin_flow(nu: np.ndarray, s: float) -> np.ndarray:
    # dnu/sin nu = dt gives tan(h/2) = e^s tan(nu/2) on each period (-pi, pi] + 2 pi k.
    turns = np.round(nu / (2 * np.pi))
    r = (nu - 2 * np.pi * turns) / 2
    return 2 * np.pi * turns + 2 * np.arctan2(np.exp(s / 2) * np.sin(r), np.exp(-s / 2) * np.cos(r))


def _cos_flow(nu: np.ndarray, s: float) -> np.ndarray:
    return _sin_flow(nu + np.pi / 2, s) - np.pi / 2


def _exp_flow(nu: np.ndarray, s: float) -> np.ndarray:
    # e^{-h} = e^{-nu} - s
    return nu - np.log1p(-s * np.exp(nu))


def _elu_flow(nu: np.ndarray, s: float) -> np.ndarray:
    # For nu < 0, d/dt log(e^{-nu} - 1) = -nu'/(1 - e^{nu}) = 1; zero is a fixed point, so signs stay.
    # Far out, the same without overflow: h = nu - s - log(1 + e^{nu} (e^{-s} - 1)).
    near = -np.log1p(np.exp(s) * np.expm1(-np.clip(nu, -1, 0)))
    far = nu - s - np.log1p(np.exp(np.minimum(nu, -1)) * np.expm1(-s))
    return np.where(nu > 0, np.exp(s) * nu, np.where(nu > -1, near, far))


def _elu(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _normal_density(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + erf(z / np.sqrt(2)))


def _power(z: np.ndarray, p: int) -> np.ndarray:
    """z^p for p >= 1; the small powers by multiplication, which is some twenty times as fast as pow."""
    if p > 8:
        return z**p
    product = z
    for _ in range(p - 1):
        product = product * z
    return product


# The same profile for the same exponent, or slope: whoever has to tell it from others compares them.
@lru_cache(maxsize=None, typed=True)
def power(p: int) -> Profile:
    """g(z) = z^p for an integer p >= 2; its flow is nu / (1 - (p-1) s nu^(p-1))^(1/(p-1))."""
    if not (isinstance(p, int) and p >= 2):
        raise FieldError(f"a power profile needs an integer exponent of at least 2, got {p!r}")

    def closed_flow(nu: np.ndarray, s: float) -> np.ndarray:
        room = 1 - (p - 1) * s * _power(nu, p - 1)
        return np.where(room > 0, nu * np.maximum(room, 0) ** (-1 / (p - 1)), np.nan)

    return Profile(f"power{p}", lambda z: _power(z, p), lambda z: p * _power(z, p - 1), closed_flow)


@lru_cache(maxsize=None, typed=True)
def leaky_relu(slope: float) -> Profile:
    """g(z) = z for z > 0, slope * z otherwise."""
    if not np.isfinite(slope):
        raise FieldError(f"the slope of a leaky ReLU must be finite, got {slope!r}")
    name = "leaky_relu" if slope == 0.01 else "relu" if slope == 0 else "abs" if slope == -1 else None
    return Profile(
        name or f"leaky_relu({slope!r})",
        lambda z: np.where(z > 0, z, slope * z),
        lambda z: np.where(z > 0, 1.0, slope),
        lambda nu, s: nu * np.where(nu > 0, np.exp(s), np.exp(slope * s)),
        breaks=(0.0,),
    )


_REGISTRY = {
    profile.name: profile
    for profile in [
        Profile("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, _tanh_flow),
        Profile("sigmoid", expit, lambda z: expit(z) * expit(-z), _sigmoid_flow),
        Profile("sin", np.sin, np.cos, _sin_flow),
        Profile("cos", np.cos, lambda z: -np.sin(z), _cos_flow),
        Profile("exp", np.exp, np.exp, _exp_flow),
        power(2),
        power(3),
        power(4),
        leaky_relu(0.0),
        leaky_relu(0.01),
        leaky_relu(-1.0),
        Profile(
            "elu", _elu, lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))), _elu_flow, breaks=(0.0,)
        ),
        Profile("softplus", lambda z: np.logaddexp(0, z), expit),
        Profile("silu", lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
        Profile("gelu", lambda z: z * _normal_cdf(z), lambda z: _normal_cdf(z) + z * _normal_density(z)),
        Profile("arctan", np.arctan, lambda z: 1 / (1 + z * z)),
    ]
}
_ALIASES = {"square": "power2", "cube": "power3", "swish": "silu"}


def profile_names() -> list[str]:
    """The names that `get_profile` knows."""
    return sorted(_REGISTRY)


def get_profile(name: str | Profile) -> Profile:
    """The profile called `name` (a Profile is returned as it is).

    Besides the registered names, "power5", "power6", ... and "leaky_relu(0.2)" are understood.
    Raises FieldError for an unknown name, listing the known ones.
    """
    if isinstance(name, Profile):
        return name
    if isinstance(name, str):
        key = _ALIASES.get(name, name)
        if key in _REGISTRY:
            return _REGISTRY[key]
        if key.startswith("power") and key[5:].isdecimal() and len(key) < 8:
            return power(int(key[5:]))
        if key.startswith("leaky_relu(") and key.endswith(")"):
            try:
                return leaky_relu(float(key[11:-1]))
            except ValueError:
                pass
    raise FieldError(f"unknown profile {name!r}; known are {', '.join(profile_names())}")
