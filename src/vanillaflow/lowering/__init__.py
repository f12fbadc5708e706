"""From a PlanarFlow to a FeedforwardNetwork: choose the activation, shift, condition."""

from __future__ import annotations

from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from .leaky_relu import lower_to_leaky_relu

__all__ = ["lower"]

_DIALECTS = {"leaky_relu": lower_to_leaky_relu}


def lower(flow: PlanarFlow, dialect: str = "leaky_relu", slope: float | None = None) -> FeedforwardNetwork:
    """The network of width d that equals `flow` on its domain.

    dialect="leaky_relu": one slope per layer, `nn.LeakyReLU(slope)`; see `leaky_relu.lower_to_leaky_relu`.
    With `slope` given it is that of every layer; a flow made for it comes from `one_slope.with_one_slope`.
    Raises ValueError for an unknown dialect, a flow without a domain, or one that takes other slopes.
    """
    if dialect not in _DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}; known are {', '.join(sorted(_DIALECTS))}")
    return _DIALECTS[dialect](flow, slope)
