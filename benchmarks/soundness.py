"""Are the rigorous certificates sound? Their bounds and enclosures against all that might exceed them.

errors: the bounds of compiled networks against errors at a million random points and those of a long search.
cells: the bounds of small cells, which are sharp, against errors within.
damage: bounds of networks with one number changed.
digits: the validated integrator and its Taylor models against solutions to 50 digits.

All of it takes about an hour on two cores, with gmpy2 installed, which mpmath uses where it finds it.
Writes results/soundness.md if all parts are done for all systems; ends with an error if anything is violated.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from results_file import table, write
from soundness_cells import HALVES, margins
from soundness_damage import KINDS, Judged, judged
from soundness_digits import Compared, compared, disagreement
from soundness_errors import Comparison, comparison
from soundness_systems import SYSTEMS, TOLERANCE, compiled

PROCESSES = 2
# To 50 digits; less where that takes seconds for each: spiral_node has 50 ridges.
DIGITS_POINTS, FEW_POINTS = 1650, {"spiral_node": 40, "hopfield": 120}
AT_ONCE = 20
DTYPES = {"planar": "float64", "leaky_relu": "float32"}


def errors(names: Sequence[str], options: argparse.Namespace) -> tuple[str, int]:
    """The table of bounds and errors, and how many bounds are violated."""
    lines, violated = [], 0
    for name in names:
        flow = compiled(name, options.cache)
        for form, network in (("planar", flow), ("leaky_relu", flow.to_network())):
            found = comparison(name, network, DTYPES[form], options.points)
            violated += found.violated
            lines.append([name, form, DTYPES[form], *_cells(found)])
            _show(lines[-1])
    header = ["system", "network", "dtype", "bound", "random", "searched", "ratio", "cells", "seconds"]
    return table(header, lines), violated


def _cells(found: Comparison) -> list[str]:
    return [
        f"{found.bound:.6g}",
        f"{found.random:.6g}",
        f"{found.searched:.6g}",
        f"{found.ratio:.4f}" + (" VIOLATED" if found.violated else ""),
        str(found.cells),
        f"{found.seconds:.1f}",
    ]


def cells(names: Sequence[str], options: argparse.Namespace) -> tuple[str, int]:
    """The table of margins between bounds and errors, and how many are negative."""
    lines, violated = [], 0
    for name in names:
        flow = compiled(name, options.cache)
        for form, network in (("planar", flow), ("leaky_relu", flow.to_network())):
            for half in HALVES:
                found = margins(name, network, DTYPES[form], half, options.cells)
                violated += found.violations
                lines.append([
                    name,
                    form,
                    DTYPES[form],
                    f"{half:g}",
                    str(found.cells),
                    str(found.violations),
                    f"{found.median_error:.2g}",
                    f"{found.median:.2g}",
                    f"{found.least:.2g}",
                ])  # fmt: skip
                _show(lines[-1])
    header = [
        "system", "network", "dtype", "half width", "cells", "violations", "median error", "median margin",
        "least",
    ]  # fmt: skip
    return table(header, lines), violated


def damage(names: Sequence[str], options: argparse.Namespace) -> tuple[str, int]:
    """The table of the smallest ratios, and how many bounds are below an error."""
    lines, violated, every = [], 0, []
    for name in names:
        flow = compiled(name, options.cache)
        count = len(KINDS) * options.damages
        kinds = [KINDS[seed % len(KINDS)] for seed in range(count)]
        found: list[Judged] = _side_by_side(judged, [name] * count, [flow] * count, kinds, range(count))
        violated += sum(not one.ratio >= 1 for one in found)
        least = [min(one.ratio for one in found if one.kind == kind) for kind in KINDS]
        largest = max(one.sampled for one in found)
        lines.append([
            name,
            str(count),
            *(f"{ratio:.3f}" for ratio in least),
            f"{largest:.3g}",
            f"{np.mean([one.seconds for one in found]):.1f}",
        ])  # fmt: skip
        _show(lines[-1])
        every += [one.ratio for one in found]
    header = ["system", "damages", *KINDS, "largest error", "seconds"]
    text = (
        f"{table(header, lines)}\n\nThe smallest ratio of all {len(every)} is {min(every):.4f}, "
        f"the largest {max(every):.4f}."
    )
    return text, violated


def digits(names: Sequence[str], options: argparse.Namespace) -> tuple[str, int]:
    """The table of |difference| / radius, and how many enclosures do not hold their solution."""
    lines, violated, points = [], 0, 0
    for name in names:
        count = min(options.digits_points, FEW_POINTS.get(name, options.digits_points))
        sizes = [min(AT_ONCE, count - first) for first in range(0, count, AT_ONCE)]
        parts: list[dict[str, Compared]] = _side_by_side(
            compared, [name] * len(sizes), sizes, range(len(sizes))
        )
        points += count
        for way in parts[0]:
            found = Compared.merge([part[way] for part in parts])
            violated += found.violations
            lines.append([
                name,
                way,
                str(count - found.lost),
                str(found.violations),
                f"{found.ratios.max():.3g}",
                f"{np.median(found.ratios):.2g}",
                f"{found.radii.min():.2g}",
                f"{np.median(found.radii):.2g}",
                f"{found.radii.max():.2g}",
            ])  # fmt: skip
            _show(lines[-1])
    apart = max(_side_by_side(disagreement, names))
    header = [
        "system", "enclosed", "points", "violations", "largest ratio", "median", "least radius", "median",
        "largest",
    ]  # fmt: skip
    text = (
        f"{table(header, lines)}\n\n{points} solutions in all. At one point of each system the solution "
        f"differs from that of mpmath.odefun by at most {apart:.1e}."
    )
    return text, violated


def _side_by_side(function: Callable, *arguments: Sequence) -> list:
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(function, *arguments))


def _show(line: list[str]) -> None:
    print("  ".join(line), file=sys.stderr, flush=True)


PARTS: dict[str, tuple[str, str, Callable[[Sequence[str], argparse.Namespace], tuple[str, int]]]] = {
    "errors": (
        "Bounds and errors",
        "Rigorous certificates with the default factor of 1.25, against the largest errors at {points:,} "
        "random points (random) and of a search with another seed than the certificate's own (searched). The "
        "ratio is that of the bound to the larger of the two. The bounds of each output were compared, too.",
        errors,
    ),
    "cells": (
        "Small cells",
        "The bounds of {cells} random cells of the box against errors at random points and corners of each, "
        "for each output. The margin is the bound less the error; the error is known to 1e-10.",
        cells,
    ),
    "damage": (
        "Damaged networks",
        "One number changed by 1e-2 of itself, in a PlanarFlow's a, w, t or M or a lowered network's weights "
        "or biases, or one kink moved by 5 % of the box's width, {damages} times each; lowered networks in "
        "float32 and float64. Bounds with the factor 1.5. The smallest ratio of bound to largest sampled "
        "error, for each kind.",
        damage,
    ),
    "digits": (
        "The exact flow to 50 digits",
        "Enclosures of the states of random points at the end of the duration, against solutions by Taylor's "
        "method in mpmath: of points, where remainders may add up to 1e-6 or 1e-12; of boxes of half width "
        "1e-3 at the points within; and of such cells of larger patches with Taylor models, as certificates "
        "use them. The ratio is |difference| / radius over all coordinates: the enclosure is right if that "
        "is at most 1.",
        digits,
    ),
}  # fmt: skip


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Test the soundness of rigorous certificates.")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--cache", type=Path, metavar="DIR", help="compiled networks are kept there")
    parser.add_argument("--points", type=int, default=1_000_000, help="random points of a comparison")
    parser.add_argument("--cells", type=int, default=4000, help="small cells, of each size")
    parser.add_argument("--damages", type=int, default=3, help="damages of each of the 7 kinds")
    parser.add_argument("--digits-points", type=int, default=DIGITS_POINTS, help="to 50 digits, per system")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    sections, violated = [], 0
    for part in options.parts:
        title, remark, run = PARTS[part]
        begun = perf_counter()
        text, wrong = run(options.systems, options)
        violated += wrong
        took = f"Violations: {wrong}. This part took {(perf_counter() - begun) / 60:.1f} minutes."
        sections.append(f"## {title}\n\n{remark.format(**vars(options))}\n\n{text}\n\n{took}")
        print(sections[-1], end="\n\n", flush=True)
    if len(sections) == len(PARTS) and len(options.systems) == len(SYSTEMS):
        write(
            "soundness.md",
            f"# Soundness of rigorous certificates\n\nNetworks compiled at {TOLERANCE:g} (lorenz: of the "
            "displacement). Everything is seeded.\n\n" + "\n\n".join(sections),
        )
    if violated:
        sys.exit(f"{violated} violations")


if __name__ == "__main__":
    main()
