"""The dialect leaky_relu: width d, one slope a layer. See `square` for how a layer holds planar maps."""

from __future__ import annotations

import numpy as np

from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..planar.normal_form import normal_form
from .square import square_network

# What counts as one slope: the rounding of a kappa, not a visible change of the map.
_SAME_SLOPE = 1e-9


def lower_to_leaky_relu(flow: PlanarFlow, slope: float | None = None) -> FeedforwardNetwork:
    """The network of width d, one slope per layer, equal to `flow` on `flow.domain` up to rounding.

    With `slope` given, every layer has exactly that slope: each kappa must be `slope` or 1 / `slope` up to
    rounding, and no map a shear, as `with_one_slope` makes them.

    Depth is the number of layers of planar maps that commute and have the same slope (see `packing`); a layer
    of shears counts twice. Without any that commute it is the number of planar maps that have a kink, shears
    and what lies next to badly conditioned weights counting twice. Raises ValueError if the flow has no
    domain: the shifts that carry coordinates past each activation depend on it. Raises ValueError, too, if a
    layer takes another slope than the one given.
    """
    if flow.domain is None:
        raise ValueError(
            "lowering needs the domain on which the network must equal the flow; this flow has none"
        )
    flow = normal_form(flow)
    if slope is not None:
        _require_one_slope(flow, slope)
    return square_network(flow, "leaky_relu", slope)


def _require_one_slope(flow: PlanarFlow, slope: float) -> None:
    """Raises ValueError with the first other slope that a planar map takes."""
    if not 0 < slope <= 1:
        raise ValueError(f"the one slope of a network must be in (0, 1], got {slope!r}")
    slopes = np.minimum(flow.kappa, 1 / flow.kappa)
    other = np.flatnonzero(np.abs(slopes - slope) > _SAME_SLOPE * slope)
    if other.size:
        raise ValueError(
            f"a planar map takes the slope {slopes[other[0]]:.9g}, not {slope:g}; "
            "with_one_slope turns a flow into one that takes a single slope"
        )
