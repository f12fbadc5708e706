"""The dialect relu: width d + 1, plain ReLUs.

A planar map, |w| = 1, is one layer, shears included: d neurons hold the state, shifted by so much that they
are positive on the whole image of the domain, and one more has the kink:
    x + a relu(w.x - t) = [I a] relu([I; w] x + [s; -t]) - s.
"""

from __future__ import annotations

import numpy as np

from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..planar.normal_form import normal_form
from ..planar.zonotope import lowest_before
from .balance import equilibrate
from .layer import Layer, chain


def lower_to_relu(flow: PlanarFlow, slope: None = None) -> FeedforwardNetwork:
    """The network of width d + 1 with plain ReLUs, equal to `flow` on `flow.domain` up to rounding.

    Depth is the number of planar maps that have a kink. Raises ValueError if the flow has no domain: the
    shifts depend on it.
    """
    if flow.domain is None:
        raise ValueError(
            "lowering needs the domain on which the network must equal the flow; this flow has none"
        )
    flow = normal_form(flow)
    d, eye = flow.dim, np.eye(flow.dim)
    assert flow.domain is not None
    probes = np.tile(eye, (flow.kinks, 1, 1))
    low = lowest_before(flow, flow.domain, np.arange(flow.kinks), probes)
    layers = [
        Layer(
            np.concatenate([eye, w[None]]),
            np.append(-lowest, -t),
            np.zeros(d + 1),
            np.concatenate([eye, a[:, None]], axis=1),
            lowest,
        )
        for a, w, t, lowest in zip(flow.a, flow.w, flow.t, low)
    ]
    return equilibrate(chain(flow, layers, range(flow.kinks), "relu", d + 1))
