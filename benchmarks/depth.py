"""How deep must the network be? The table of the project: every zoo system, three tolerances, six methods.

  paper      the literal construction of arXiv:2209.10909, its size extrapolated where too large to build
  split      exact flows of ridge pieces, made piecewise linear
  ridge      few smooth ridge maps fitted to the flow, then made piecewise linear
  refine     the compiler's default, which goes on from there by least squares
  residual   forward Euler steps of the same field, each a residual block: as many as the tolerance takes
  mlp        a ReLU network with two hidden layers, as many parameters as refine's, trained by Adam for as
             long as refine took (at least 10 s); nothing is promised of it, its error is the result

Errors are the supremum over the box of the max norm, searched with a seed that no method has used.

It takes hours. Rows are appended to results/depth.jsonl as they complete, and a run that was interrupted
resumes there; a row is reused only for equal limits and seed, and it does not know that the code has
changed: --fresh discards all. Results: results/depth.md and depth.png, .svg, of all rows in the file.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from time import perf_counter

import numpy as np
from compiled import Limits, measure
from depth_plot import plot
from depth_report import report
from depth_rows import Row, Rows
from residual_network import MOST_STEPS, fewest_steps
from results_file import RESULTS, environment
from trained_mlp import TrainedMLP, width_for

import vanillaflow as vf
from vanillaflow.box import search_points
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.constructions.registry import CONSTRUCTIONS

TOLERANCES = (1e-1, 1e-2, 1e-3)
# Systems whose tolerance is relative to the largest displacement over the box; it is absolute for the others,
# which move by 1.3 to 3.0.
SCALED = ("lorenz",)
JUDGE_SEED = 1_000_003
LEAST_TRAINING_SECONDS = 10.0
_SAMPLES = 4096


class Bench:
    """One run: its limits, and the rows of this and earlier runs."""

    def __init__(self, limits: Limits, methods: list[str], rows: Rows):
        self.limits, self.methods, self.rows = limits, methods, rows
        self.measured_on = f"{environment()}, torch {version('torch')}"

    def run(self, name: str, tolerances: list[float]) -> None:
        """All cells of one system that are not in the file yet."""
        target = vf.zoo.load(name).target()
        scale = _displacement(target) if name in SCALED else 1.0
        for tolerance in tolerances:
            for method in self.methods:
                self._compiled(target, tolerance, scale, method)
            self._residual(target, tolerance, scale)
            self._mlp(target, tolerance, scale)

    def _compiled(self, target: vf.FlowMap, tolerance: float, scale: float, method: str) -> None:
        settings = {
            "max_seconds": self.limits.seconds,
            "max_kinks": self.limits.kinks,
            "seed": self.limits.seed,
        }
        if self._known(target, tolerance, method, settings):
            return
        outcome = measure(target, scale * tolerance, method, self.limits, JUDGE_SEED)
        self._add(target, tolerance, scale, method, settings, **vars(outcome))

    def _residual(self, target: vf.FlowMap, tolerance: float, scale: float) -> None:
        settings = {"seed": self.limits.seed}
        if self._known(target, tolerance, "residual", settings):
            return
        start = perf_counter()
        network, error = fewest_steps(target, scale * tolerance, self.limits.seed, JUDGE_SEED)
        reached = error <= scale * tolerance
        self._add(
            target,
            tolerance,
            scale,
            "residual",
            settings,
            seconds=perf_counter() - start,
            reached=reached,
            error=error if np.isfinite(error) else None,
            depth=network.depth,
            width=network.width,
            parameters=network.parameters,
            remark=f"{network.tied_parameters:,} parameters when tied"
            if reached
            else f"more than {MOST_STEPS:,} blocks",
        )

    def _mlp(self, target: vf.FlowMap, tolerance: float, scale: float) -> None:
        # Refine's row may be from an earlier run, when this one leaves refine out.
        known = (self.rows.get(target.name, tolerance, method) for method in ("refine", "split", "paper"))
        row = next((row for row in known if row is not None), None)
        if row is None or row.parameters is None:
            return  # Without a network there is nothing to match.
        budget = min(max(row.seconds, LEAST_TRAINING_SECONDS), self.limits.seconds)
        settings = {
            "seed": self.limits.seed,
            "model": row.method,
            "parameters": row.parameters,
            "seconds": budget,
        }
        if self._known(target, tolerance, "mlp", settings):
            return
        start = perf_counter()
        mlp = TrainedMLP(target, width_for(row.parameters, target.dim), budget, self.limits.seed)
        seconds = perf_counter() - start
        error = certify_sampled(mlp, target, seed=JUDGE_SEED).bound
        self._add(
            target,
            tolerance,
            scale,
            "mlp",
            settings,
            seconds=seconds,
            reached=error <= scale * tolerance,
            error=error if np.isfinite(error) else None,
            depth=mlp.hidden_layers,
            width=mlp.width,
            parameters=mlp.parameters,
        )

    def _known(self, target: vf.FlowMap, tolerance: float, method: str, settings: dict) -> bool:
        row = self.rows.get(target.name, tolerance, method)
        return row is not None and row.settings == settings

    def _add(
        self, target: vf.FlowMap, tolerance: float, scale: float, method: str, settings: dict, **measured
    ) -> None:
        row = Row(
            system=target.name,
            dim=target.dim,
            tolerance=tolerance,
            absolute=scale * tolerance,
            method=method,
            settings=settings,
            measured_on=self.measured_on,
            **measured,
        )
        self.rows.add(row)
        print(row, file=sys.stderr, flush=True)


def _displacement(target: vf.FlowMap) -> float:
    """max |Phi(x) - x| over points of the box."""
    x = search_points(target.domain, _SAMPLES, seed=0)
    return float(np.max(np.abs(target(x) - x)))


def _warm_up(methods: list[str]) -> None:
    """So that no time includes the compilation of kernels."""
    target = vf.zoo.pendulum().target()
    for method in methods:
        vf.compile(target, tol=1.0, method=method).to_network()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", type=_names(vf.zoo.names()), default=vf.zoo.names())
    parser.add_argument("--tolerances", type=_numbers, default=list(TOLERANCES), metavar="1e-1,1e-2")
    parser.add_argument("--methods", type=_names(tuple(CONSTRUCTIONS)), default="paper,split,ridge,refine")
    parser.add_argument("--max-seconds", type=float, default=240.0, help="for each compilation")
    parser.add_argument("--max-kinks", type=int, default=20_000, help="for each compilation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="discard the rows of earlier runs")
    parser.add_argument("--report-only", action="store_true", help="from the rows that are there")
    return parser.parse_args()


def _names(known):
    """A comma-separated list of `known` names; any other is an error that names them."""

    def names(text: str) -> list[str]:
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")
        return wanted

    return names


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main() -> None:
    arguments = _arguments()
    path = RESULTS / "depth.jsonl"
    if arguments.fresh:
        path.unlink(missing_ok=True)
    rows = Rows(path)
    if not arguments.report_only:
        _warm_up(arguments.methods)
        limits = Limits(arguments.max_seconds, arguments.max_kinks, arguments.seed)
        bench = Bench(limits, arguments.methods, rows)
        for name in arguments.systems:
            bench.run(name, arguments.tolerances)
    text = report(rows, vf.zoo.names())
    print(text)
    (RESULTS / "depth.md").write_text(text, encoding="utf-8")
    for suffix in ("png", "svg"):
        plot(rows, vf.zoo.names(), RESULTS / f"depth.{suffix}")


if __name__ == "__main__":
    main()
