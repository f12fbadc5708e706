"""speed.md, .png and .svg from the measured lines."""

from __future__ import annotations

from math import isnan

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import results_file
from matplotlib.ticker import NullFormatter
from speed_growth import Growth

OURS = "vanillaflow"
BATCHES = (1, 1000, 100_000)
HEADER = [
    "method",
    "setting",
    "error",
    "us, 1 point",
    "us, 1e3",
    "ns a point, 1e5",
    "Mpoints/s",
    "ratio, 1",
    "ratio, 1e5",
]
KERNEL = ["type, threads", "kinks", "peak", "kernel", "part", "GB/s", "copy GB/s", "a loop takes"]


def write(
    lines: list,
    kernels: list[tuple[str, dict[str, float]]],
    grown: list[Growth],
    training_seconds: float,
    versions: str,
) -> None:
    """All of the report. A line has problem, tolerance, method, setting, error and seconds."""
    parts = ["# Speed", INTRODUCTION.format(training=f"{training_seconds:g}")]
    for problem, tolerance in dict.fromkeys((line.problem, line.tolerance) for line in lines):
        here = [line for line in lines if (line.problem, line.tolerance) == (problem, tolerance)]
        parts += [f"## {problem} within {tolerance:g}", results_file.table(HEADER, _rows(here))]
    parts += [
        "## The kernel beside the machine",
        KERNEL_TEXT,
        results_file.table(KERNEL, [_kernel(*k) for k in kernels]),
    ]
    parts += ["## How the time grows", GROWTH_TEXT]
    parts += [
        f"{one.quantity} ({one.fixed}): exponent {one.exponent:.2f}.\n\n"
        + results_file.table(
            [one.quantity, "us"], [[f"{v:,}", f"{1e6 * s:.1f}"] for v, s in zip(one.values, one.seconds)]
        )
        for one in grown
    ]
    results_file.write("speed.md", "\n\n".join([*parts, versions]))
    _plot(lines, grown)


INTRODUCTION = """\
Time to send points to their images, in float32 where a method has it (SciPy has float64 only), each method
at its loosest setting that meets the tolerance at some 4000 points; medians of calls in turns, in one
process. A ratio is the time over that of vanillaflow's runtime with the flow that is fastest there, compiled
by the method ridge (split for Allen-Cahn). "refine" has the fewest kinks; ONNX
Runtime and torch have its network if there is one. "missed": no setting met the tolerance; the least error is
that found.
Solvers are in the form that was fastest: networks fused into small matrix products, approximations of tanh
and sine that are as accurate as float32, one call for all points. The ReLU networks, of six sizes, were
trained for {training} seconds each.

![speed](speed.png)"""

KERNEL_TEXT = """\
d = 2, 100,000 points, random maps. Peak: multiply-adds in registers, 1e9 a second, measured in turns with the
kernel. Kernel: 2 d to a kink and point. A loop: point by point on one thread, compiled by numba."""

GROWTH_TEXT = (
    "float32, one thread but where threads grow. Exponents are those of the larger half of the values."
)


def _rows(lines: list) -> list[list[str]]:
    base = next(line for line in lines if line.method == OURS).seconds
    return [
        _row(line, base) for line in sorted(lines, key=lambda line: (isnan(line.seconds[2]), line.seconds[2]))
    ]


def _row(line, base: tuple[float, ...]) -> list[str]:
    start = [line.method, line.setting, f"{line.error:.1e}"]
    if isnan(line.seconds[2]):
        return [*start, "missed", *[""] * 5]
    one, thousand, many = line.seconds
    ratios = [f"{time / of_ours:.3g}" for time, of_ours in ((one, base[0]), (many, base[2]))]
    each = many / BATCHES[2]
    return [
        *start,
        f"{1e6 * one:.1f}",
        f"{1e6 * thousand:.1f}",
        f"{1e9 * each:.2f}",
        f"{1e-6 / each:.3g}",
        *ratios,
    ]


def _kernel(name: str, line: dict[str, float]) -> list[str]:
    part = f"{line['kernel'] / line['peak']:.0%}"
    numbers = [f"{line[key]:.1f}" for key in ("peak", "kernel")]
    return [
        name,
        str(line["kinks"]),
        *numbers,
        part,
        f"{line['traffic']:.1f}",
        f"{line['copy']:.1f}",
        f"{line['loop']:.1f} times",
    ]


def _plot(lines: list, grown: list[Growth]) -> None:
    problems = list(dict.fromkeys(line.problem for line in lines))
    figure, axes = plt.subplots(2, max(len(problems), len(grown)), figsize=(17, 8), layout="constrained")
    methods = list(dict.fromkeys(line.method for line in lines))
    tolerance = min(line.tolerance for line in lines)
    for ax, problem in zip(axes[0], problems):
        for i, method in enumerate(methods):
            here = [m for m in lines if (m.problem, m.tolerance, m.method) == (problem, tolerance, method)]
            for line in here:
                times = [s / n * 1e9 for s, n in zip(line.seconds, BATCHES)]
                style = "-" if method.startswith(OURS) else "--"
                ax.loglog(BATCHES, times, style, marker="o", ms=3, color=plt.cm.tab20(i), label=method)
        ax.set(title=f"{problem}, {tolerance:g}", xlabel="points", ylabel="ns a point")
    for ax, one in zip(axes[1], grown):
        ax.loglog(one.values, [1e6 * s for s in one.seconds], "o-", color="k")
        # Labels between the powers of ten would overlap.
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set(title=f"exponent {one.exponent:.2f}", xlabel=f"{one.quantity} ({one.fixed})", ylabel="us")
    empty = [*axes[0][len(problems) :], *axes[1][len(grown) :]]
    for ax in empty:
        ax.axis("off")
    # It has more entries than any of the plots has room for.
    handles, names = axes[0][0].get_legend_handles_labels()
    (empty or axes[0])[0].legend(handles, names, fontsize=9 if empty else 6, loc="center")
    for end in ("png", "svg"):
        figure.savefig(results_file.RESULTS / f"speed.{end}", dpi=110)
