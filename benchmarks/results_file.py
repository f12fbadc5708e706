"""Where and on what the benchmarks were run, and their Markdown files."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import vanillaflow

RESULTS = Path(__file__).parent / "results"


def environment() -> str:
    """Processor, system, Python and packages, in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, "
        f"{packages}, vanillaflow {vanillaflow.__version__}"
    )


def write(name: str, text: str) -> Path:
    """Write `text` to results/`name`, with the environment below it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / name
    path.write_text(f"{text.rstrip()}\n\nMeasured on: {environment()}.\n", encoding="utf-8")
    return path


def table(header: list[str], lines: list[list[str]]) -> str:
    """A Markdown table, aligned for reading as text too; the first column is text, the others numbers."""
    widths = [max(3, *(len(line[i]) for line in [header, *lines])) for i in range(len(header))]

    def row(cells: list[str]) -> str:
        aligned = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths))
        ]
        return "| " + " | ".join(aligned) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([row(header), row(rule), *(row(line) for line in lines)])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
