"""Compile every zoo system of dimension at most 3: kinks, depth, error, conditioning, time.

Writes results/zoo.md. The errors are measured at points that the compiler did not see.
"""

import sys
from time import perf_counter

from results_file import table, write

import vanillaflow as vf
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.export.evaluation import in_precision

TOLERANCE = 1e-2
# Lorenz moves points by 12.9, the others by 1 to 6: the same part of it.
TOLERANCES = {"lorenz": 0.129}
HEADER = [
    "system", "d", "tolerance", "kinks", "depth", "error", "float32 error", "condition", "seconds"
]  # fmt: skip


def measure(name: str) -> list[str]:
    system = vf.zoo.load(name)
    target = system.target()
    start = perf_counter()
    tolerance = TOLERANCES.get(name, TOLERANCE)
    flow = vf.compile(target, tol=tolerance)
    seconds = perf_counter() - start
    network = flow.to_network()
    error = certify_sampled(flow, target, seed=42).bound
    exported = certify_sampled(in_precision(network, "float32"), target, seed=42)
    return [
        name,
        str(flow.dim),
        f"{tolerance:g}",
        str(flow.kinks),
        str(network.depth),
        f"{error:.3g}",
        f"{exported.bound:.3g}",
        f"{network.condition_numbers().max():.3g}",
        f"{seconds:.1f}",
    ]


def main() -> None:
    vf.compile(vf.zoo.pendulum().target(), tol=2e-1)  # So that no time includes the compilation of kernels.
    lines = []
    for name in vf.zoo.names():
        if vf.zoo.load(name).domain.dim <= 3:
            lines.append(measure(name))
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    text = table(HEADER, lines)
    print(text)
    path = write(
        "zoo.md",
        "# The zoo, compiled\n\n"
        "Default method. Errors are the supremum over the box of the max norm, as found by sampling and a "
        "local search.\n\n"
        f"{text}",
    )
    print(f"\nwritten to {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
