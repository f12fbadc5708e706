"""Compile every zoo system of dimension at most 3 by the split construction: depth, error, conditioning.

Writes results/zoo.md. The error of the float32 network is measured at points of its own.
"""

import sys
from time import perf_counter

from results_file import table, write

import vanillaflow as vf
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.export.evaluation import in_precision

TOLERANCE = 1e-1
HEADER = ["system", "d", "kinks", "depth", "error", "float32 error", "condition", "seconds"]


def measure(name: str) -> list[str]:
    system = vf.zoo.load(name)
    target = system.target()
    start = perf_counter()
    flow = vf.compile(target, tol=TOLERANCE, method="split")
    seconds = perf_counter() - start
    network = flow.to_network()
    exported = certify_sampled(in_precision(network, "float32"), target, seed=42)
    return [
        name,
        str(flow.dim),
        str(flow.kinks),
        str(network.depth),
        f"{flow.provenance.error:.3g}",
        f"{exported.bound:.3g}",
        f"{network.condition_numbers().max():.3g}",
        f"{seconds:.1f}",
    ]


def main() -> None:
    vf.compile(vf.zoo.pendulum().target(), tol=1.0)  # So that no time includes the compilation of kernels.
    lines = []
    for name in vf.zoo.names():
        if vf.zoo.load(name).domain.dim <= 3:
            lines.append(measure(name))
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    text = table(HEADER, lines)
    print(text)
    path = write(
        "zoo.md",
        f"# Split construction, tolerance {TOLERANCE:g}\n\n"
        "Errors are the supremum over the box of the max norm, as found by sampling and a local search.\n\n"
        f"{text}",
    )
    print(f"\nwritten to {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
