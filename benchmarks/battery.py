"""The battery: how long until there is a flow within the tolerance, on systems that nobody here chose.

    python benchmarks/battery.py [--method M] [--seconds S] [--part P] [NAME ...]

Errors are measured by SciPy's DOP853 at rtol 1e-8, on points that nothing was fitted to.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np
from battery_systems import cases, displacement
from results_file import table, write
from scipy.integrate import solve_ivp

import vanillaflow as vf
from vanillaflow.box import search_points

HEADER = ["system", "d", "tolerance", "seconds", "kinks", "error / tolerance", "outcome"]


def independent_error(flow: vf.PlanarFlow, target: vf.FlowMap) -> float:
    """The largest error on random points, faces and corners, by an independent solver."""
    x = search_points(target.domain, 1500, 12345)

    def rate(t: float, flat: np.ndarray) -> np.ndarray:
        return np.asarray(target.field(t, flat.reshape(x.shape))).ravel()

    found = solve_ivp(rate, (0, target.duration), x.ravel(), "DOP853", rtol=1e-8, atol=1e-10)
    return float(np.abs(flow(x) - found.y[:, -1].reshape(x.shape)).max())


def measure(
    name: str, make: Callable[[], vf.FlowMap], part: float, method: str, seconds: float, loud: bool
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
            method,
            max_seconds=seconds,
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


def run(names: list[str], method: str, seconds: float, part: float | None, loud: bool) -> list[list[str]]:
    rows = []
    for name, _, make, usual in cases():
        if names and name not in names:
            continue
        rows.append(measure(name, make, part or usual, method, seconds, loud))
        print("  ".join(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--method", default="anytime")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--part", type=float)
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = run(arguments.names, arguments.method, arguments.seconds, arguments.part, arguments.loud)
    reached = [row for row in rows if row[-1] in ("reached", "leaves its domain")]
    summary = (
        f"{len(reached)} of {len(rows)} reached; median {np.median([float(row[3]) for row in rows]):.1f} s."
    )
    print(summary)
    if arguments.write:
        write("battery.md", f"# The battery\n\n{summary}\n\n{table(HEADER, rows)}")
