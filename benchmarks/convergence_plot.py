"""The log-log plots of `convergence`: one row per system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from vanillaflow.constructions.split.schemes import SCHEMES

if TYPE_CHECKING:
    from convergence import Convergence, Series
    from matplotlib.axes import Axes

# Told apart without colour too, by their markers. Colours: Okabe and Ito's, safe for colour-blind readers.
STYLES = {"lie": ("#0072B2", "o"), "strang": ("#D55E00", "s"), "suzuki": ("#009E73", "^")}


def plot(found: list[Convergence], path: Path) -> None:
    """Write the figure to `path`, in the format of its suffix."""
    # Without a date and with fixed identifiers, the same numbers give the same file.
    plt.rcParams["svg.hashsalt"] = "vanillaflow"
    figure, rows = plt.subplots(
        len(found), 3, figsize=(11, 3.4 * len(found)), layout="constrained", squeeze=False
    )
    for result, (splitting, linear, depth) in zip(found, rows):
        for scheme, series in result.splitting.items():
            _line(splitting, series, scheme, f"{scheme}, order {series.order:.2f}")
            _slope(splitting, series, SCHEMES[scheme].order)
        _name_slopes(splitting)
        splitting.set_ylim(bottom=splitting.get_ylim()[0] / 100)  # Room for the legend.
        _line(linear, result.piecewise_linear, "strang", f"order {result.piecewise_linear.order:.2f}")
        _slope(linear, result.piecewise_linear, 2)
        _name_slopes(linear)
        for scheme, series in result.depth.items():
            if series.x.size:
                _line(depth, series, scheme, scheme)
        _dress(splitting, f"{result.system}: splitting error", "steps")
        _dress(linear, f"{result.system}: piecewise-linear error", "kinks per sub-flow")
        _dress(depth, f"{result.system}: total error", "depth of the network")
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=150, metadata=metadata)
    plt.close(figure)


def _line(axes: Axes, series: Series, scheme: str, label: str) -> None:
    color, marker = STYLES[scheme]
    axes.loglog(series.x, series.error, color=color, marker=marker, markersize=5, label=label)


def _slope(axes: Axes, series: Series, order: int) -> None:
    """A thin dashed line of the theoretical slope through the last point."""
    reference = series.error[-1] * (series.x / series.x[-1]) ** (-float(order))
    axes.loglog(series.x, reference, color="0.6", linestyle="--", linewidth=0.9, zorder=0)


def _name_slopes(axes: Axes) -> None:
    axes.plot([], [], color="0.6", linestyle="--", linewidth=0.9, label="theory")


def _dress(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(unit)
    axes.set_ylabel("max error over the box")
    axes.grid(which="major", color="0.9")
    axes.set_axisbelow(True)
    axes.set_xticks(_ticks(*axes.get_xlim()), [f"{v:g}" for v in _ticks(*axes.get_xlim())])
    low, high = axes.get_ylim()
    if high < 100 * low:
        axes.set_yticks(_ticks(low, high), [f"{v:g}" for v in _ticks(low, high)])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, handlelength=1.5)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... within the limits; powers of ten only where they span two decades or more."""
    bases = (1, 2, 5) if high < 100 * low else (1,)
    return sorted(v for base in bases for v in base * 10.0 ** np.arange(-12, 6) if low <= v <= high)
