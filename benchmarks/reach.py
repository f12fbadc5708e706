"""Reachable sets: area against that of the image, time, and the same box through immrax.

Writes results/reach.md, .png and .svg. Areas are those of unions, on a grid of pixels; the image's is that of
the polygon through the images of points around the box's edge. Every set is compared with 100,000 images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import reach_immrax
import results_file
from matplotlib.path import Path as Outline
from scipy.spatial import ConvexHull

import vanillaflow as vf

SAMPLES, PIXELS = 100_000, 800
TOLERANCES = (1e-2, 1e-3)
PARTS = (1, 4, 16, 64)


@dataclass(frozen=True)
class Case:
    """A system, a box of starts within its own, and its equations for the peer."""

    name: str
    box: vf.Box
    rate: Callable

    @property
    def target(self) -> vf.FlowMap:
        return vf.zoo.load(self.name).target()


CASES = (
    Case(
        "pendulum",
        vf.Box([0.5, -0.5], [1.0, 0.0]),
        lambda np, x: [x[1], -np.sin(x[0]) - 0.2 * x[1]],
    ),
    Case(
        "van_der_pol",
        vf.Box([1.0, 0.0], [1.5, 0.5]),
        lambda np, x: [x[1], (1 - x[0] ** 2) * x[1] - x[0]],
    ),
)


@dataclass(frozen=True)
class Line:
    """An enclosure: who made it, of how many pieces, the part of the images it holds, its area and time."""

    maker: str
    pieces: int
    held: float
    area: float
    seconds: float


def measured(case: Case, cache: Path | None) -> tuple[list[Line], dict[str, float], vf.ReachableSet]:
    """The enclosures, the areas of the image and of its hull, and the finest of our sets."""
    y = case.target(case.box.uniform(SAMPLES, 1))
    image = case.target(_edge(case.box))
    areas = {"image": _area(image), "hull": float(ConvexHull(y).volume)}
    grid = _Grid(y)
    lines = []
    for tolerance in TOLERANCES:
        flow = _compiled(case, tolerance, cache)
        certificate = vf.certify(flow, case.target, "rigorous")
        vf.reach(flow, case.target, case.box, certificate)  # Kernels are compiled by now.
        begun = perf_counter()
        found = vf.reach(flow, case.target, case.box, certificate)
        seconds = perf_counter() - begun
        held = float(found.contains(y).mean())
        lines.append(
            Line(f"vanillaflow, {tolerance:g}", len(found), held, grid.area(found.contains), seconds)
        )
    if reach_immrax.available():
        for parts in PARTS:
            low, high, seconds = reach_immrax.enclosed(case.rate, case.box, case.target.duration, parts)
            inside = _InBoxes(low, high)
            lines.append(Line("immrax", len(low), float(inside(y).mean()), grid.area(inside), seconds))
    return lines, areas, found


@dataclass(frozen=True)
class _InBoxes:
    low: np.ndarray
    high: np.ndarray

    def __call__(self, y: np.ndarray) -> np.ndarray:
        order = np.argsort(y[:, 0])
        first = y[order, 0]
        inside = np.zeros(len(y), dtype=bool)
        for low, high in zip(self.low, self.high):
            near = order[np.searchsorted(first, low[0]) : np.searchsorted(first, high[0], "right")]
            inside[near] |= np.all((y[near] >= low) & (y[near] <= high), axis=1)
        return inside


class _Grid:
    """Pixels of a box twice as wide as the images."""

    def __init__(self, y: np.ndarray):
        low, high = y.min(axis=0), y.max(axis=0)
        low, width = low - 0.5 * (high - low), 2 * (high - low)
        axes = [np.linspace(a, a + b, PIXELS, endpoint=False) + b / PIXELS / 2 for a, b in zip(low, width)]
        self.points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
        self.pixel = float(np.prod(width)) / PIXELS**2

    def area(self, contains: Callable[[np.ndarray], np.ndarray]) -> float:
        return self.pixel * np.count_nonzero(contains(self.points))


def _edge(box: vf.Box, points: int = 2000) -> np.ndarray:
    """Points around the edge of a box in the plane, in order."""
    s = np.linspace(0, 1, points, endpoint=False)
    sides = [np.stack([s, 0 * s], 1), np.stack([1 + 0 * s, s], 1)]
    sides += [1 - side for side in sides]
    return box.from_unit(np.concatenate(sides))


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def _compiled(case: Case, tolerance: float, cache: Path | None) -> vf.PlanarFlow:
    stored = None if cache is None else cache / f"{case.name}_{tolerance:g}.safetensors"
    if stored is not None and stored.exists():
        return vf.load(stored)
    flow = vf.compile(case.target, tolerance, "refine")
    if stored is not None:
        flow.save(stored)
    return flow


def _drawn(axes, case: Case, found: vf.ReachableSet) -> None:
    if reach_immrax.available():
        for parts, shade in ((4, "#f3d6c4"), (16, "#e69f66")):
            low, high, _ = reach_immrax.enclosed(case.rate, case.box, case.target.duration, parts)
            for number, (a, b) in enumerate(zip(low, high)):
                label = f"immrax, {parts**2} boxes" if number == 0 else None
                axes.add_patch(plt.Rectangle(a, *(b - a), facecolor=shade, linewidth=0, label=label))
    found.plot(axes, label=f"vanillaflow, {len(found)} zonotopes")
    image = case.target(_edge(case.box))
    axes.add_patch(
        plt.matplotlib.patches.PathPatch(
            Outline(image, closed=False),
            facecolor="none",
            edgecolor="black",
            linewidth=1.2,
            label="the image",
        )
    )
    axes.set_title(f"{case.name}: {case.box} after {case.target.duration:g}", fontsize=9)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))  # Room for the legend.
    axes.legend(fontsize=8, loc="upper right")
    axes.set_aspect("equal")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cache", type=Path, help="a directory of compiled flows")
    cache = options.parse_args().cache
    plt.rcParams["svg.hashsalt"] = "vanillaflow"
    figure, axes = plt.subplots(1, len(CASES), figsize=(10, 5), layout="constrained")
    text = ["# Reachable sets\n", (__doc__ or "").strip().split("\n\n", 1)[1], ""]
    for case, place in zip(CASES, axes):
        lines, areas, found = measured(case, cache)
        _drawn(place, case, found)
        text += [
            f"## {case.name}: {case.box} after {case.target.duration:g}\n",
            f"Area of the image {areas['image']:.5f}; of the convex hull of the sampled images "
            f"{areas['hull']:.5f}.\n",
            results_file.table(
                ["enclosure", "pieces", "holds", "area", "/ image", "/ hull", "ms"],
                [
                    [
                        line.maker,
                        str(line.pieces),
                        f"{100 * line.held:.4g} %",
                        f"{line.area:.4f}",
                        f"{line.area / areas['image']:.3f}",
                        f"{line.area / areas['hull']:.3f}",
                        f"{1e3 * line.seconds:.2g}",
                    ]
                    for line in lines
                ],
            ),
            "",
        ]
    text += [
        "vanillaflow: zonotopes of the network with its proved error, a theorem about the ODE; the tolerance "
        "is that of the network; the time is without compiling and proving it, which is done once for all "
        "boxes. immrax: natural embedding, float64, compiled; the steps of its solver are not validated. "
        "Its parallelotopes, which are tighter than its intervals, are not measured here.",
        "\n![reachable sets](reach.png)",
    ]
    results_file.write("reach.md", "\n".join(text))
    for suffix in ("png", "svg"):
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(results_file.RESULTS / f"reach.{suffix}", dpi=150, metadata=metadata)


if __name__ == "__main__":
    main()
