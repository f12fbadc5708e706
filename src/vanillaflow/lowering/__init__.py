"""From a PlanarFlow to a FeedforwardNetwork: choose the activation, pack, shift, condition."""

from __future__ import annotations

from importlib import import_module

from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from .dialects import read_dialect

__all__ = ["lower"]


def lower(flow: PlanarFlow, dialect: str = "leaky_relu", slope: float | None = None) -> FeedforwardNetwork:
    """The network that equals `flow`, in one of these dialects (`network.dialects`):

    "leaky_relu" : width d, one slope per layer, equal on the flow's domain. With `slope` given, or
        "leaky_relu(0.5)", that is the slope of every layer; a flow made for it comes from
        `with_one_slope`.
    "prelu" : width d, one slope per neuron, equal on all of R^d; needs no domain, and has the fewest layers.
    "relu" : width d + 1, plain ReLUs, equal on the flow's domain.

    Raises ValueError for an unknown dialect, a slope that it does not take, a flow without the domain that it
    needs, or one that takes other slopes than the one given.
    """
    name, slope = read_dialect(dialect, slope)
    module, function = DIALECTS[name].lowering.split(":")
    return getattr(import_module(f"{__name__}.{module}"), function)(flow, slope)
