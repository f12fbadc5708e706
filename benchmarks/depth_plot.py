"""The log-log plots of `depth`, error against depth: one panel for each system, one line for each method."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from depth_rows import Row, Rows
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

# Told apart without colour too, by their markers. Colours: Okabe and Ito's, safe for colour-blind readers.
STYLES = {
    "refine": ("#D55E00", "o", "refine (width d)"),
    "ridge": ("#56B4E9", "P", "ridge (width d)"),
    "split": ("#0072B2", "s", "split (width d)"),
    "paper": ("#000000", "^", "paper (width d)"),
    "residual": ("#009E73", "v", "Euler residual network"),
    "mlp": ("#CC79A7", "D", "ReLU MLP, 2 wide layers"),
}
_COLUMNS = 4


def plot(rows: Rows, order: list[str], path: Path) -> None:
    """Write the figure to `path`, in the format of its suffix."""
    # Without a date and with fixed identifiers, the same numbers give the same file.
    plt.rcParams["svg.hashsalt"] = "vanillaflow"
    systems = rows.systems(order)
    columns = min(_COLUMNS, len(systems))
    lines = -(-len(systems) // columns)
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(max(3.0 * columns, 7), 2.7 * lines + 0.9),
        sharex=True,
        layout="constrained",
        squeeze=False,
    )
    for axes, name in zip(grid.flat, systems):
        found = rows.of_system(name)
        for method in STYLES:
            _line(axes, method, [row for row in found if row.method == method and row.depth])
        _dress(axes, f"{name}, d = {found[0].dim}")
    for axes in grid.flat[len(systems) :]:
        axes.set_visible(False)
    for column in range(columns):  # Below the last panel of each column, which need not be in the last line.
        last = grid[(len(systems) - 1 - column) // columns][column]
        last.xaxis.set_tick_params(labelbottom=True)
        last.set_xlabel("depth (activation layers)")
    for axes in grid[:, 0]:
        axes.set_ylabel("max error over the box")
    present = {row.method for name in systems for row in rows.of_system(name)}
    extrapolated = any(row.estimated for name in systems for row in rows.of_system(name))
    figure.legend(
        handles=_legend(present, extrapolated), loc="outside upper center", ncols=3, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _line(axes: Axes, method: str, rows: list[Row]) -> None:
    """What was built, joined; dashed and hollow what was extrapolated, at the tolerance it is meant for."""
    color, marker, _ = STYLES[method]
    built = [(row.depth, row.error) for row in rows if row.error]
    beyond = [(row.depth, row.absolute) for row in rows if row.estimated]
    line = "none" if method == "mlp" else "-"  # Always of depth 2: points, not a law.
    axes.plot(*zip(*built or [((), ())]), color=color, marker=marker, markersize=5, linestyle=line)
    if beyond:
        dashed = built[-1:] + beyond
        axes.plot(*zip(*dashed), color=color, linestyle="--", linewidth=1, zorder=1)
        axes.plot(*zip(*beyond), color=color, marker=marker, markersize=5, markerfacecolor="white", ls="none")


def _legend(present: set[str], extrapolated: bool) -> list[Line2D]:
    handles = [
        Line2D(
            [], [], color=color, marker=marker, markersize=5, label=label, ls="" if method == "mlp" else "-"
        )
        for method, (color, marker, label) in STYLES.items()
        if method in present
    ]
    if extrapolated:
        handles.append(
            Line2D([], [], color="0.4", marker="^", markersize=5, mfc="white", ls="--", label="extrapolated")
        )
    return handles


def _dress(axes: Axes, title: str) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_title(title, fontsize=10)
    axes.grid(which="major", color="0.9")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.yaxis.set_major_locator(LogLocator(base=10, numticks=12))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.tick_params(labelsize=8)
