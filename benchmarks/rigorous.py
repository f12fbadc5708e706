"""How close rigorous bounds come to the errors that are found, and how long the proofs take.

Writes results/rigorous.md: the zoo in two and three dimensions, as `compile` returns it, at 1e-2 and, in two
dimensions, at 1e-3; and the leaky_relu networks of the same in float32, with all their rounding.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from results_file import table, write

import vanillaflow as vf

PLANE = (
    "pendulum", "van_der_pol", "duffing", "lotka_volterra", "brusselator", "spiral_node", "fitzhugh_nagumo",
)  # fmt: skip
CASES = [*((name, 1e-2) for name in (*PLANE, "hopfield", "lorenz")), *((name, 1e-3) for name in PLANE)]
# Its states move by more than ten: the tolerance is a part of that.
RELATIVE = ("lorenz",)


def compiled(name: str, tolerance: float, cache: Path | None) -> tuple[vf.PlanarFlow, vf.FlowMap]:
    target = vf.zoo.load(name).target()
    stored = None if cache is None else cache / f"{name}_{tolerance:g}.safetensors"
    if stored is not None and stored.exists():
        return vf.load(stored), target
    if name in RELATIVE:
        x = target.domain.sample(512)
        tolerance *= float(np.abs(target(x) - x).max())
    flow = vf.compile(target, tolerance, "refine")
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        flow.save(stored)
    return flow, target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="a directory of compiled flows")
    cache = parser.parse_args().cache
    # Kernels are compiled before anything is timed.
    flow, target = compiled("pendulum", 1e-2, cache)
    for form, dtype in ((flow, "float64"), (flow.to_network(), "float32")):
        vf.certify(form, target, "rigorous", dtype=dtype)
    lines = []
    for name, tolerance in CASES:
        flow, target = compiled(name, tolerance, cache)
        for form, label, dtype in (
            (flow, "PlanarFlow", "float64"),
            (flow.to_network(), "leaky_relu", "float32"),
        ):
            found = vf.certify(form, target, "rigorous", dtype=dtype)
            lines.append([
                name,
                f"{tolerance:g}",
                str(flow.kinks),
                label,
                dtype,
                f"{found.largest:.4g}",
                f"{found.bound:.4g}",
                f"{found.bound / found.largest:.3f}",
                str(found.points),
                f"{found.seconds:.1f}",
            ])  # fmt: skip
            print("  ".join(lines[-1]), flush=True)
    header = [
        "system", "tolerance", "kinks", "network", "dtype", "error found", "bound", "ratio", "cells",
        "seconds",
    ]  # fmt: skip
    text = (
        "# Rigorous bounds\n\n"
        '`vf.certify(flow, target, method="rigorous")` with the default factor of 1.25: it ends when the '
        "bound is within 1.25 times the largest error that a search finds, or after a million cells. The "
        "tolerance of lorenz is a part of its displacement. Seconds are those of all, the search included."
        "\n\n" + table(header, lines)
    )
    write("rigorous.md", text)


if __name__ == "__main__":
    main()
