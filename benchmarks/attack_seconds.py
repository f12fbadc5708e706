"""Is max_seconds kept? By every method of compile() and certify(), on every zoo system and five stiff ones.

    python benchmarks/attack_seconds.py [SECONDS]

Each call is given five seconds and a tolerance that it reaches in them or does not; it has to come back
within 1.1 times that and two seconds more, with a flow or ToleranceNotReached. Kernels are compiled before
the first measurement of a method, as numba does that once on a machine; a call that is late is made again, as
others may have been compiled in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter

import numpy as np

import vanillaflow as vf

LIMIT = 5.0
RAW = "raised "
ALLOWED = 1.1 * LIMIT + 2
# Tolerances as parts of the box's width: one that takes minutes, one that takes seconds.
TOLERANCES = (3e-5, 3e-2)
METHODS: dict[str, Callable[[vf.FlowMap, float, float], object]] = {
    "anytime": lambda target, tol, limit: vf.compile(target, tol, max_seconds=limit),
    "refine": lambda target, tol, limit: vf.compile(target, tol, "refine", max_seconds=limit),
    "ridge": lambda target, tol, limit: vf.compile(target, tol, "ridge", max_seconds=limit),
    "split": lambda target, tol, limit: vf.compile(target, tol, "split", max_seconds=limit),
    "paper": lambda target, tol, limit: vf.compile(target, tol, "paper", max_seconds=limit),
    "slope": lambda target, tol, limit: vf.compile(target, tol, slope=0.5, max_seconds=limit),
    "slope, split": lambda target, tol, limit: vf.compile(target, tol, "split", slope=0.5, max_seconds=limit),
    "times": lambda target, tol, limit: vf.compile(
        target, tol, times=[target.duration / 3, target.duration / 2, target.duration], max_seconds=limit
    ),
    "certify, sampled": lambda target, tol, limit: _certified(target, "sampled", limit),
    "certify, statistical": lambda target, tol, limit: _certified(target, "statistical", limit),
    "certify, rigorous": lambda target, tol, limit: _certified(target, "rigorous", limit),
}


def _certified(target: vf.FlowMap, method: str, limit: float) -> vf.Certificate:
    return vf.certify(vf.PlanarFlow.identity(target.dim, target.domain), target, method, max_seconds=limit)


def stiff() -> Iterator[vf.FlowMap]:
    """Five systems whose fast rates make small steps of an explicit solver."""
    equations = {
        "decay": ({"x": "-1000*(x - cos(y))", "y": "1"}, 2.0, [-1, 0], [1, 1]),
        "van der Pol, mu 100": ({"x": "y", "y": "100*(1 - x**2)*y - x"}, 2.0, [-2, -1], [2, 1]),
        "Robertson": (
            {"x": "-0.04*x + 1e4*y*z", "y": "0.04*x - 1e4*y*z - 3e7*y**2", "z": "3e7*y**2"},
            1.0,
            [0.5, 0, 0],
            [1, 1e-4, 0.5],
        ),
        "ridges": ({"x": "-500*tanh(x - y)", "y": "500*tanh(x - 2*y)"}, 1.0, [-1, -1], [1, 1]),
        "oscillation": ({"x": "2000*y", "y": "-2000*x + tanh(x)"}, 1.0, [-1, -1], [1, 1]),
    }
    for name, (rates, duration, low, high) in equations.items():
        yield vf.FlowMap(vf.from_equations(rates), duration, vf.Box(low, high), name)


def targets() -> Iterator[vf.FlowMap]:
    for name in vf.zoo.names():
        yield vf.zoo.load(name).target()
    yield from stiff()


def measured(method: str, target: vf.FlowMap, part: float) -> tuple[float, str]:
    """How long a compilation took that was given LIMIT seconds, and how it ended."""
    tol = part * float(np.max(target.domain.width))
    start = perf_counter()
    try:
        METHODS[method](target, tol, LIMIT)
        outcome = "reached"
    except vf.ToleranceNotReached:
        outcome = "not reached"
    except vf.FieldError:
        outcome = "not of ridges"
    except vf.FlowLeavesDomain:
        outcome = "no flow"
    except vf.VanillaflowError:
        outcome = "refused in words"
    except Exception as error:
        outcome = f"{RAW}{type(error).__name__}: {error}"
    return perf_counter() - start, outcome


def warm(method: str) -> None:
    """Compile the kernels of a method."""
    for name in ("pendulum", "lorenz"):
        target = vf.zoo.load(name).target()
        with suppress(vf.VanillaflowError):
            METHODS[method](target, 0.2, 60.0)


def run(seconds: float, seed: int) -> list[tuple[str, int, int]]:
    """For each method, how many calls were tried, and how many were late or raised no error of ours."""
    begun, rng = perf_counter(), np.random.default_rng(seed)
    cases = [(m, t, p) for m in METHODS for t in targets() for p in TOLERANCES]
    counts = {method: [0, 0] for method in METHODS}
    warmed: set[str] = set()
    for i in rng.permutation(len(cases)):
        method, target, part = cases[i]
        if perf_counter() - begun > seconds:
            break
        if method not in warmed:
            warm(method)
            warmed.add(method)
        took, outcome = measured(method, target, part)
        if took > ALLOWED:
            # Kernels of its dimension may have been compiled meanwhile, which happens once on a machine.
            print(f"{method:13s}{target.name:24s}{part:8.0e}{took:7.1f} s  {outcome}; again:", flush=True)
            took, outcome = measured(method, target, part)
        counts[method][0] += 1
        counts[method][1] += took > ALLOWED or outcome.startswith(RAW)
        print(f"{method:13s}{target.name:24s}{part:8.0e}{took:7.1f} s  {outcome}", flush=True)
    return [(f"max_seconds of {method}", tried, bad) for method, (tried, bad) in counts.items()]


if __name__ == "__main__":
    for what, tried, bad in run(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0, 0):
        print(f"{what}: {tried} tried, {bad} were late, or raised no error of ours")
