"""How the error fell as kinks were added, from what flows remember of their compilation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..display import palette
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from .axes import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# At least so much of an axis is shown: otherwise it has no round numbers to label.
_SPAN = 8.0


def depth_curve(*flows: PlanarFlow | FeedforwardNetwork, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw error against kinks, both logarithmic, along the stages of each flow's compilation.

    Small markers are the stages of `flow.provenance.path`, in their order; the large one is the flow itself,
    with its own error. The tolerance that was asked for is dashed. Errors are in the max norm over the box,
    as the compiler measured them.

    Parameters
    ----------
    *flows
        The flows or networks.
    ax
        The axes; by default those of a new figure.
    **style
        Keywords of matplotlib's Line2D, for the lines.

    Raises
    ------
    ValueError
        For no flow, and for one that does not remember its compilation.
    """
    if not flows:
        raise ValueError("depth_curve needs at least one flow")
    curves = [stages(flow) for flow in flows]
    ax = axes_or_new(ax)
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    for i, (flow, (kinks, errors)) in enumerate(zip(flows, curves)):
        color, marker = palette.SERIES[i % len(palette.SERIES)], palette.MARKERS[i % len(palette.MARKERS)]
        options: dict[str, Any] = {"color": color, "marker": marker, "linewidth": 1.0, "markersize": 3.5}
        options |= {"label": _label(flow, flows)} | normalize_kwargs(style, Line2D)
        (line,) = ax.plot(kinks, errors, **options)
        shown: Any = line.get_color()
        ax.plot(kinks[-1:], errors[-1:], options["marker"], color=shown, markersize=8)
        assert flow.provenance is not None
        if flow.provenance.tolerance is not None:
            ax.axhline(flow.provenance.tolerance, color=shown, linestyle="--", linewidth=0.8, zorder=1)
    if any(flow.provenance is not None and flow.provenance.tolerance is not None for flow in flows):
        ax.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="tolerance")
    ax.set(xscale="log", yscale="log", xlabel="kinks (planar maps)", ylabel="error over the box (max norm)")
    _dress(ax)
    ax.legend(frameon=False)
    return ax


def stages(flow: PlanarFlow | FeedforwardNetwork) -> tuple[list[int], list[float]]:
    """Kinks and errors of the stages of a flow's compilation, and of the flow itself.

    A network does not know how many kinks it has, and ends with the last stage.
    """
    provenance = flow.provenance
    if provenance is None or not (provenance.path or provenance.error is not None):
        raise ValueError(f"{flow!r} does not remember how it was compiled")
    points = [(kinks, error) for _, kinks, error in provenance.path]
    if isinstance(flow, PlanarFlow) and provenance.error is not None:
        points.append((flow.kinks, provenance.error))
    if not points:
        raise ValueError(f"{flow!r} does not remember the stages of its compilation")
    return [kinks for kinks, _ in points], [error for _, error in points]


def _label(flow: PlanarFlow | FeedforwardNetwork, flows: tuple[PlanarFlow | FeedforwardNetwork, ...]) -> str:
    """The system, and the tolerance where flows are of one system."""
    provenance = flow.provenance
    assert provenance is not None
    name = provenance.system.replace("$", r"\$")
    alike = sum(f.provenance is not None and f.provenance.system == provenance.system for f in flows)
    return f"{name} to {provenance.tolerance:g}" if alike > 1 and provenance.tolerance is not None else name


def _dress(ax: Axes) -> None:
    """Round numbers on both axes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, (low, high), bound in (
        (ax.xaxis, ax.get_xlim(), ax.set_xlim),
        (ax.yaxis, ax.get_ylim(), ax.set_ylim),
    ):
        wider = max(1.0, (_SPAN * low / high) ** 0.5)
        bound(low / wider, high * wider)
        if high * wider / (low / wider) < 100:
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.grid(which="major", color="0.9")
    ax.set_axisbelow(True)
