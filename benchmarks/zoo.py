"""Compile the zoo: kinks, depth, error, conditioning, time; and its networks in every dialect.

Writes results/zoo.md and results/dialects.md. The errors are measured at points that the compiler did not
see. Systems of dimension above 3 are compiled by method split.
"""

import sys
from time import perf_counter

from results_file import table, write

import vanillaflow as vf
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.network.dialects import DIALECTS
from vanillaflow.network.precision import in_precision

TOLERANCE = 1e-2
# Lorenz moves points by 12.9, the others by 1 to 6: the same part of it.
TOLERANCES = {"lorenz": 0.129}
HEADER = [
    "system", "d", "tolerance", "kinks", "depth", "error", "float32 error", "condition", "seconds"
]  # fmt: skip
DIALECT_HEADER = ["system", "dialect", "width", "depth", "parameters", "float32 loss", "condition"]
SMALL = 3


def compiled(name: str) -> tuple[vf.PlanarFlow, float]:
    """The flow, and how long it took."""
    target = vf.zoo.load(name).target()
    start = perf_counter()
    method = "refine" if target.dim <= SMALL else "split"
    flow = vf.compile(target, tolerance(name), method)
    return flow, perf_counter() - start


def tolerance(name: str) -> float:
    return TOLERANCES.get(name, TOLERANCE)


def measure(name: str, flow: vf.PlanarFlow, seconds: float) -> list[str]:
    """The network in the default dialect against the exact flow."""
    target = vf.zoo.load(name).target()
    network = flow.to_network()
    error = certify_sampled(flow, target, seed=42).bound
    exported = certify_sampled(in_precision(network, "float32"), target, seed=42)
    return [
        name,
        str(flow.dim),
        f"{tolerance(name):g}",
        str(flow.kinks),
        str(network.depth),
        f"{error:.3g}",
        f"{exported.bound:.3g}",
        f"{network.condition_numbers().max():.3g}",
        f"{seconds:.1f}",
    ]


def in_dialect(name: str, flow: vf.PlanarFlow, dialect: str) -> list[str]:
    """The network in one dialect against the flow that it equals, computed in single precision."""
    network = flow.to_network(dialect)
    lost = certify_sampled(in_precision(network, "float32"), flow, seed=43).bound
    return [
        name,
        dialect,
        str(network.width),
        str(network.depth),
        str(network.parameters),
        f"{lost / tolerance(name):.2%}",
        f"{network.condition_numbers().max():.3g}",
    ]


def main() -> None:
    vf.compile(vf.zoo.pendulum().target(), tol=2e-1)  # So that no time includes the compilation of kernels.
    lines, dialects = [], []
    for name in vf.zoo.names():
        flow, seconds = compiled(name)
        if flow.dim <= SMALL:
            lines.append(measure(name, flow, seconds))
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
        for dialect in DIALECTS:
            dialects.append(in_dialect(name, flow, dialect))
            print("  ".join(dialects[-1]), file=sys.stderr, flush=True)
    for file, title, remark, text in (
        (
            "zoo.md",
            "The zoo, compiled",
            "Default method. Errors are the supremum over the box of the max norm, as found by sampling and "
            "a local search.",
            table(HEADER, lines),
        ),
        (
            "dialects.md",
            "The zoo in every dialect",
            f"The same networks, and systems of more than {SMALL} dimensions by method split at "
            f"{TOLERANCE:g}. The float32 loss is the largest difference from the flow in float64, as a part "
            "of the tolerance.",
            table(DIALECT_HEADER, dialects),
        ),
    ):
        print(text)
        path = write(file, f"# {title}\n\n{remark}\n\n{text}")
        print(f"\nwritten to {path.relative_to(path.parents[2])}\n")


if __name__ == "__main__":
    main()
