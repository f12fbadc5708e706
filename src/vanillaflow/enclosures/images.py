"""The forms of what is certified, over any cells: a PlanarFlow, or a network in the precision of its file."""

from __future__ import annotations

from functools import partial

from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from .bisection import Enclosure
from .layer_forms import layer_forms
from .planar_forms import planar_forms


def enclosure_of(flow: PlanarFlow | FeedforwardNetwork, dtype: str) -> Enclosure:
    """Raises nothing: a PlanarFlow is evaluated in float64, whatever `dtype` says."""
    if isinstance(flow, PlanarFlow):
        return partial(planar_forms, flow)
    return partial(layer_forms, flow, dtype)
