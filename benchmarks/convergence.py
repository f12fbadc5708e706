"""How the errors of the split construction fall: with steps, with kinks, and so with depth.

For pendulum and spiral_node, and for the Lie, Strang and Suzuki schemes:
  - the splitting error, exact sub-flows against the target, for growing numbers of steps; the order fitted to
    it should be the scheme's: 1, 2, 4;
  - the piecewise-linear error, the built flow against its own exact sub-flows, for growing numbers of kinks
    on each sub-flow; the fitted order should be 2;
  - the error against the depth of the network, where steps and kinks are balanced as `compile` does it.
All errors are the largest over a fixed set of points of the box, its faces and corners. Writes
results/convergence.md and results/convergence.png, .svg.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from convergence_plot import plot
from results_file import RESULTS, table, write

import vanillaflow as vf
from vanillaflow.box import search_points
from vanillaflow.constructions.construction import Limits
from vanillaflow.constructions.split.construction import Split
from vanillaflow.constructions.split.plan import SplitPlan, plan
from vanillaflow.constructions.split.schemes import SCHEMES
from vanillaflow.constructions.split.sub_flows import sub_flows

COMPARED = ("lie", "strang", "suzuki")
# Where the leading term rules and the solver's rounding, about 1e-12, does not show.
STEPS = {
    "pendulum": {"lie": (8, 16, 32, 64, 128), "strang": (4, 8, 16, 32, 64), "suzuki": (2, 4, 8, 16, 32)},
    "spiral_node": {"lie": (16, 32, 64, 128), "strang": (8, 16, 32, 64), "suzuki": (8, 16, 32, 64)},
}
KINKS = (32, 64, 128, 256)
# Strang steps under which the piecewise-linear error is measured.
FIXED_STEPS = 2
TOLERANCES = {"pendulum": (0.3, 0.1, 0.03, 0.01, 0.003), "spiral_node": (0.3, 0.1, 0.05)}
MOST_KINKS = 6000
POINTS = 1024
RTOL = 1e-12


@dataclass(frozen=True)
class Series:
    """Errors at the values of `x`, and minus the slope of the line fitted to their logarithms."""

    x: np.ndarray
    error: np.ndarray

    @property
    def order(self) -> float:
        return float(-np.polyfit(np.log(self.x), np.log(self.error), 1)[0])


@dataclass(frozen=True)
class Convergence:
    """Everything measured on one system; `splitting` and `depth` by scheme."""

    system: str
    splitting: dict[str, Series]
    piecewise_linear: Series
    depth: dict[str, Series]


def measure(name: str) -> Convergence:
    system = vf.zoo.load(name)
    target = vf.FlowMap(system.field, system.duration, system.domain, name=name, rtol=RTOL)
    x = search_points(target.domain, POINTS, seed=0)
    y = target(x)
    splitting = {}
    for scheme in COMPARED:
        errors = [_plan(target, scheme, n, x, y).splitting_error for n in STEPS[name][scheme]]
        splitting[scheme] = Series(np.array(STEPS[name][scheme]), np.array(errors))
        _say(f"{name}: splitting error of {scheme}, order {splitting[scheme].order:.2f}")
    piecewise_linear = _piecewise_linear(_plan(target, "strang", FIXED_STEPS, x, y), target, x)
    _say(f"{name}: piecewise-linear error, order {piecewise_linear.order:.2f}")
    depth = {scheme: _depth(target, scheme, TOLERANCES[name], x, y) for scheme in COMPARED}
    return Convergence(name, splitting, piecewise_linear, depth)


def _plan(target: vf.FlowMap, scheme: str, steps: int, x: np.ndarray, y: np.ndarray) -> SplitPlan:
    flows = list(sub_flows(target.ridge_segments(), SCHEMES[scheme], steps))
    return plan(SCHEMES[scheme], steps, flows, x, y)


def _piecewise_linear(candidate: SplitPlan, target: vf.FlowMap, x: np.ndarray) -> Series:
    """The built flow against the exact composition, at about KINKS kinks on the average sub-flow."""
    exact = x
    for sub_flow in candidate.sub_flows:
        exact = sub_flow(exact)
    ridges = sum(len(sub_flow.pieces) for sub_flow in candidate.sub_flows)
    flows = [candidate.build(candidate.density(kinks * ridges), target) for kinks in KINKS]
    errors = [np.max(np.abs(flow(x) - exact)) for flow in flows]
    return Series(np.array([flow.kinks / ridges for flow in flows]), np.array(errors))


def _depth(target: vf.FlowMap, scheme: str, tolerances, x: np.ndarray, y: np.ndarray) -> Series:
    """Depth and error of the network with the fewest kinks for each tolerance that the scheme can reach."""
    depths, errors = [], []
    for tolerance in tolerances:
        try:
            flow = Split(target, Limits(MOST_KINKS), schemes=(scheme,)).within(tolerance).flow
        except vf.ToleranceNotReached:
            break
        depths.append(flow.to_network().depth)
        errors.append(np.max(np.abs(flow(x) - y)))
        _say(f"{target.name}: {scheme}, depth {depths[-1]}, error {errors[-1]:.2e}")
    return Series(np.array(depths), np.array(errors))


def report(found: list[Convergence]) -> str:
    """The tables, as Markdown."""
    parts = ["# Convergence of the split construction", _orders(found)]
    for result in found:
        parts += [f"## {result.system}", "Splitting error (exact sub-flows against the target), by steps:"]
        parts.append(_series_table("scheme", "steps", result.splitting))
        parts += [f"Piecewise-linear error ({FIXED_STEPS} Strang steps), by mean kinks per sub-flow:"]
        parts.append(_series_table("", "kinks", {"strang": result.piecewise_linear}))
        parts += [f"Error against depth, up to {MOST_KINKS} kinks:"]
        parts.append(_series_table("scheme", "depth", result.depth))
    parts.append("![log-log plots of the tables above](convergence.png)")
    return "\n\n".join(parts)


def _orders(found: list[Convergence]) -> str:
    header = ["fitted order", *(result.system for result in found), "theory"]
    lines = [
        [
            f"splitting, {scheme}",
            *(f"{result.splitting[scheme].order:.2f}" for result in found),
            str(SCHEMES[scheme].order),
        ]
        for scheme in COMPARED
    ]
    lines.append(
        ["piecewise linear, in kinks", *(f"{result.piecewise_linear.order:.2f}" for result in found), "2"]
    )
    return table(header, lines)


def _series_table(label: str, unit: str, series: dict[str, Series]) -> str:
    lines = [
        [name, f"{x:.4g}", f"{error:.2e}"] for name, s in series.items() for x, error in zip(s.x, s.error)
    ]
    return table([label, unit, "error"], lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    found = [measure(name) for name in STEPS]
    text = report(found)
    print(text)
    write("convergence.md", text)
    for suffix in ("png", "svg"):
        plot(found, RESULTS / f"convergence.{suffix}")


if __name__ == "__main__":
    main()
