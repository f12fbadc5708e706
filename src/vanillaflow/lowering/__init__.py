"""From a PlanarFlow to a FeedforwardNetwork: choose the activation, shift, condition."""

from __future__ import annotations

from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from .leaky_relu import lower_to_leaky_relu

__all__ = ["lower"]

_DIALECTS = {"leaky_relu": lower_to_leaky_relu}


def lower(flow: PlanarFlow, dialect: str = "leaky_relu") -> FeedforwardNetwork:
    """The network of width d that equals `flow` on its domain.

    dialect="leaky_relu": one slope per layer, `nn.LeakyReLU(slope)`; see `leaky_relu.lower_to_leaky_relu`.
    Raises ValueError for an unknown dialect or a flow without a domain.
    """
    if dialect not in _DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}; known are {', '.join(sorted(_DIALECTS))}")
    return _DIALECTS[dialect](flow)
