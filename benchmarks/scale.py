"""Large structured systems at 1e-2: what compiling and lowering cost, against the dimension.

Each case is a process of its own, so that its memory is its own. Writes results/scale.md.
"""

import json
import resource
import subprocess
import sys
from time import perf_counter

import numpy as np
from results_file import table, write

import vanillaflow as vf

TOLERANCE = 1e-2
MOST_KINKS = 100_000
CASES = {
    "allen_cahn": (64, 256, 1024),
    "fput": (8, 32, 128),
    "kuramoto": (5, 20, 100),
}
HEADER = [
    "system", "d", "kinks", "depth", "per layer", "error", "compile s", "lower s", "peak MiB", "condition"
]  # fmt: skip


def measure(name: str, size: int) -> dict[str, float]:
    """One case, in this process. The error is that of the compiler's own search."""
    warm = vf.compile(vf.zoo.fput(2).target(), 1e-1, method="split")  # Compiles the kernels.
    warm.to_network()
    start = perf_counter()
    target = getattr(vf.zoo, name)(size).target()
    flow = vf.compile(target, TOLERANCE, method="split", max_kinks=MOST_KINKS)
    compiled = perf_counter()
    network = flow.to_network()
    lowered = perf_counter()
    assert flow.provenance is not None
    return {
        "d": flow.dim,
        "kinks": flow.kinks,
        "depth": network.depth,
        "error": flow.provenance.error,
        "compile": compiled - start,
        "lower": lowered - compiled,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "condition": float(network.condition_numbers().max()),
    }


def exponent(found: list[dict[str, float]], what: str) -> float:
    """The slope of log cost against log d."""
    d, cost = (np.log([case[key] for case in found]) for key in ("d", what))
    return float(np.polyfit(d, cost, 1)[0])


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
        return
    lines, fits = [], []
    for name, sizes in CASES.items():
        found = []
        for size in sizes:
            command = [sys.executable, __file__, name, str(size)]
            case = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            found.append(case)
            lines.append([
                name,
                str(case["d"]),
                str(case["kinks"]),
                str(case["depth"]),
                f"{case['kinks'] / case['depth']:.1f}",
                f"{case['error']:.2g}",
                f"{case['compile']:.1f}",
                f"{case['lower']:.1f}",
                f"{case['peak']:.0f}",
                f"{case['condition']:.3g}",
            ])  # fmt: skip
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
        costs = ("kinks", "depth", "compile", "lower")
        fits.append([name, *(f"{exponent(found, what):.2f}" for what in costs)])
    cases = table(HEADER, lines)
    exponents = table(["cost ~ d^p", "kinks", "depth", "compile s", "lower s"], fits)
    text = f"{cases}\n\n{exponents}"
    print(text)
    write(
        "scale.md",
        f"# Cost against dimension\n\nMethod split at {TOLERANCE:g}, up to {MOST_KINKS} kinks. The error is "
        "the supremum over the box of the max norm as found by the compiler's search, on few points where d "
        f"is large.\n\n{text}",
    )


if __name__ == "__main__":
    main()
