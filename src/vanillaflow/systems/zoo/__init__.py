"""The zoo: twelve systems with box and duration, the project's own benchmark suite.

The small ones are TOML files beside this module, read through `systems.system_file` (which imports sympy);
the others are built here as a RidgeField directly. Each file and function names its source.

To add a system: write NAME.toml beside this module, in about ten lines (`vanillaflow zoo show pendulum
--toml` prints one to start from), a function NAME here that returns `_from_toml("NAME")`, and add it to
`choices.ZOO`. `tests/systems/test_zoo.py` states its dimension, its ridges and its equations once more.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np

from ...box import Box
from ...choices import ZOO, did_you_mean
from ...errors import FieldError
from ...fields.ridge import RidgeField
from ..system import System


def names() -> list[str]:
    """The names of all systems, smallest dimension first."""
    return list(ZOO)


def load(name: str) -> System:
    """Return the system called `name`.

    Raises
    ------
    FieldError
        If there is none; it suggests the nearest name.
    """
    if not isinstance(name, str) or name not in _SYSTEMS:
        hint = did_you_mean(str(name), ZOO) or f"; known are {', '.join(ZOO)}"
        raise FieldError(f"there is no zoo system {name!r}{hint}")
    return _SYSTEMS[name]()


def pendulum() -> System:
    """Damped pendulum: theta' = omega, omega' = -sin(theta) - 0.2 omega."""
    return _from_toml("pendulum")


def van_der_pol() -> System:
    """Van der Pol oscillator: x' = y, y' = (1 - x^2) y - x."""
    return _from_toml("van_der_pol")


def duffing() -> System:
    """Unforced Duffing oscillator: x' = y, y' = x - x^3 - 0.3 y."""
    return _from_toml("duffing")


def lotka_volterra() -> System:
    """Prey and predator: x' = x (1 - y), y' = y (x - 1)."""
    return _from_toml("lotka_volterra")


def fitzhugh_nagumo() -> System:
    """FitzHugh-Nagumo neuron: v' = v - v^3/3 - w + 0.5, w' = 0.08 (v + 0.7 - 0.8 w)."""
    return _from_toml("fitzhugh_nagumo")


def brusselator() -> System:
    """Brusselator: x' = 1 + x^2 y - 2.5 x, y' = 1.5 x - x^2 y."""
    return _from_toml("brusselator")


def spiral_node() -> System:
    """A trained neural ODE, x' = W2 tanh(W1 x + b1) + b2 with 50 hidden units in the plane.

    It was trained on short pieces of the cubic spiral y' = (y^3) A, A = [[-0.1, 2], [-2, -0.1]], the
    demonstration system of Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018. Inside the
    unit circle it follows that field; at the rim it is slower, yet it moves points by up to 2.0 and turns
    them by 0.6 to 0.8 rad over its duration. The float32 weights are used as they are.
    """
    with (files(__name__) / "spiral_node.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
        W1, b1, W2, b2 = (
            data[key].astype(np.float64)
            for key in ("net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias")
        )
    return System(
        name="spiral_node",
        field=RidgeField(W2.T, W1, b1, "tanh", c=b2),
        domain=Box([-2, -2], [2, 2]),
        duration=0.25,
        variables=("x", "y"),
        equations=("(x, y)' = W2 tanh(W1 (x, y) + b1) + b2, 50 hidden units",),
    )


def hopfield() -> System:
    """Hopfield network of three neurons: x' = -x + W tanh(x)."""
    return _from_toml("hopfield")


def lorenz() -> System:
    """Lorenz system: sigma = 10, rho = 28, beta = 8/3."""
    return _from_toml("lorenz")


def kuramoto(n: int = 5) -> System:
    """Kuramoto oscillators: theta_i' = omega_i + (1/n) sum_j sin(theta_j - theta_i).

    The frequencies omega_i are spread evenly over [-1, 1], the coupling is 1. There is one ridge per pair:
    the sine of theta_j - theta_i pulls i forward and j back, so there are n(n-1)/2 ridges. Source: Y.
    Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984), chapter 5.
    """
    n = _count("kuramoto n", n, at_least=2)
    omega = np.linspace(-1.0, 1.0, n)
    i, j = np.triu_indices(n, k=1)
    unit = np.eye(n)
    variables = tuple(f"theta{k + 1}" for k in range(n))
    return System(
        name="kuramoto",
        field=RidgeField((unit[i] - unit[j]) / n, unit[j] - unit[i], np.zeros(len(i)), "sin", c=omega),
        domain=Box(-np.ones(n), np.ones(n)),
        duration=1.0,
        variables=variables,
        equations=(f"theta_i' = omega_i + (1/{n}) sum_j sin(theta_j - theta_i), i = 1..{n}",),
    )


def fput(particles: int = 8) -> System:
    """Fermi-Pasta-Ulam-Tsingou chain: unit masses, springs V(r) = r^2/2 + beta r^4/4, beta = 0.3, fixed ends.

    The state is (q_1..q_n, p_1..p_n) for n = `particles`. Spring i, of length r_i = q_i - q_{i-1} with
    q_0 = q_{n+1} = 0, pulls with V'(r_i) = r_i + beta r_i^3: q_i' = p_i, p_i' = V'(r_{i+1}) - V'(r_i). The
    cubes read positions and push momenta, so w.a = 0 for all n + 1 of them. Source: Fermi, Pasta, Ulam &
    Tsingou, Studies of the nonlinear problems, Los Alamos report LA-1940 (1955).
    """
    n, beta = _count("fput particles", particles, at_least=1), 0.3
    lengths = np.diff(np.eye(n), axis=0, prepend=0, append=0)  # (n + 1, n): r = lengths @ q
    still = np.zeros_like(lengths)
    A = np.block([[np.zeros((n, n)), np.eye(n)], [-lengths.T @ lengths, np.zeros((n, n))]])
    index = range(1, n + 1)
    return System(
        name="fput",
        field=RidgeField(
            a=np.hstack([still, -beta * lengths]),
            w=np.hstack([lengths, still]),
            b=np.zeros(n + 1),
            profiles="power3",
            A=A,
        ),
        domain=Box(np.full(2 * n, -0.5), np.full(2 * n, 0.5)),
        duration=1.0,
        variables=tuple(f"q{i}" for i in index) + tuple(f"p{i}" for i in index),
        equations=(
            f"q_i' = p_i for i = 1..{n}",
            f"p_i' = r_(i+1) - r_i + {beta} (r_(i+1)^3 - r_i^3), r_i = q_i - q_(i-1), q_0 = q_{n + 1} = 0",
        ),
    )


def allen_cahn(d: int = 64) -> System:
    """Allen-Cahn equation u_t = 0.01 u_xx + u - u^3, period 4, on d points with second differences.

    Source: S. M. Allen & J. W. Cahn, Acta Metallurgica 27 (1979) 1085-1095.
    """
    d = _count("allen_cahn d", d, at_least=3)
    diffusion = 0.01 / (4 / d) ** 2
    unit = np.eye(d)
    laplacian = np.roll(unit, 1, axis=0) - 2 * unit + np.roll(unit, -1, axis=0)
    return System(
        name="allen_cahn",
        field=RidgeField(-unit, unit, np.zeros(d), "power3", A=diffusion * laplacian + unit),
        domain=Box(-np.ones(d), np.ones(d)),
        duration=0.5,
        variables=tuple(f"u{i + 1}" for i in range(d)),
        equations=(
            f"u_i' = {diffusion:.6g} (u_(i+1) - 2 u_i + u_(i-1)) + u_i - u_i^3, i = 1..{d}, periodic",
        ),
    )


def _from_toml(name: str) -> System:
    from ..system_file import parse_system  # imports sympy, which the other systems do without

    resource = files(__name__) / f"{name}.toml"
    return parse_system(resource.read_text(encoding="utf-8"), source=f"zoo/{name}.toml")


def _count(name: str, value: int, at_least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise FieldError(f"{name} must be a whole number of at least {at_least}, got {value!r}")
    return int(value)


_SYSTEMS: dict[str, Callable[[], System]] = {name: globals()[name] for name in ZOO}
