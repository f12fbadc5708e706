"""The dialect prelu: width d, one slope a neuron. See `square` for how a layer holds planar maps."""

from __future__ import annotations

from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..planar.normal_form import normal_form
from .square import square_network


def lower_to_prelu(flow: PlanarFlow, slope: None = None) -> FeedforwardNetwork:
    """The network of width d, one slope per neuron, equal to `flow` on all of R^d up to rounding.

    Neurons that only pass a coordinate on have slope 1, so that it needs no domain. Depth is the number of
    layers of planar maps that commute (see `packing`); layers with shears count twice.
    """
    return square_network(normal_form(flow), "prelu")
