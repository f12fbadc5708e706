"""The battery: how long until there is a flow within the tolerance, on systems that nobody here chose.

    python benchmarks/battery.py [--method M] [--effort E] [--seconds S] [--part P] [NAME ...]

Errors are measured by SciPy's DOP853 at rtol 1e-8, on points that nothing was fitted to.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from battery_systems import cases, displacement
from results_file import table, write
from scipy.integrate import solve_ivp

import vanillaflow as vf
from vanillaflow.box import search_points

ABOUT = """\
Systems that nobody here chose: chaotic ones of the public collection dysts (a tenth of a period, from
the mean a standard deviation to each side of the attractor), neural ODEs with deep or stiff right-hand
sides, and random perceptrons. The tolerance is 1 % of the largest displacement (2 % from five dimensions
on, and for networks); "seconds" is the time to the first flow within it, `effort="fast"`; the error is
that of an independent solver, SciPy's DOP853 at rtol 1e-8, on points that nothing was fitted to. Each
system has a minute, and "not reached" is the best flow by then.
"""
HEADER = ["system", "d", "tolerance", "seconds", "kinks", "error / tolerance", "outcome"]


def independent_error(flow: vf.PlanarFlow, target: vf.FlowMap) -> float:
    """The largest error on random points, faces and corners, by an independent solver."""
    x = search_points(target.domain, 1500, 12345)

    def rate(t: float, flat: np.ndarray) -> np.ndarray:
        return np.asarray(target.field(t, flat.reshape(x.shape))).ravel()

    found = solve_ivp(rate, (0, target.duration), x.ravel(), "DOP853", rtol=1e-8, atol=1e-10)
    return float(np.abs(flow(x) - found.y[:, -1].reshape(x.shape)).max())


def measure(
    name: str, make: Callable[[], vf.FlowMap], part: float, options: dict[str, Any], loud: bool
) -> list[str]:
    """A row of the table."""
    target = make()
    tol = part * displacement(target)
    begun, outcome = perf_counter(), "reached"
    flow = None
    try:
        flow = vf.compile(
            target,
            tol,
            **options,
            report=lambda line: (
                print(f"  {perf_counter() - begun:6.1f} {line}", flush=True) if loud else None
            ),
        )
    except vf.ToleranceNotReached as refusal:
        outcome, flow = "not reached", refusal.flow
    except vf.FlowLeavesDomain:
        outcome = "leaves its domain"
    except vf.VanillaflowError as error:
        outcome = f"{type(error).__name__}: {error}"
    took = perf_counter() - begun
    error = np.nan if flow is None else independent_error(flow, target) / tol
    kinks = "" if flow is None else str(flow.kinks)
    return [name, str(target.dim), f"{tol:.2e}", f"{took:.1f}", kinks, f"{error:.2f}", outcome]


def run(names: list[str], options: dict[str, Any], part: float | None, loud: bool) -> list[list[str]]:
    rows = []
    for name, _, make, usual in cases():
        if names and name not in names:
            continue
        rows.append(measure(name, make, part or usual, options, loud))
        print("  ".join(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--method", default="anytime")
    parser.add_argument("--effort", default="fast")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--part", type=float)
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    options = {"method": arguments.method, "effort": arguments.effort, "max_seconds": arguments.seconds}
    # So that no time includes the compilation of kernels.
    for warm in (vf.zoo.pendulum(), vf.zoo.lorenz(), vf.zoo.kuramoto()):
        vf.compile(warm.target(), 0.1 * displacement(warm.target()), max_seconds=20)
    rows = run(arguments.names, options, arguments.part, arguments.loud)
    reached = [row for row in rows if row[-1] in ("reached", "leaves its domain")]
    summary = (
        f"{len(reached)} of {len(rows)} reached; median {np.median([float(row[3]) for row in rows]):.1f} s."
    )
    print(summary)
    if arguments.write:
        write("battery.md", f"# The battery\n\n{ABOUT}\n{summary}\n\n{table(HEADER, rows)}")
