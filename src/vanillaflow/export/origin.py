"""What a source file says of the network in it: where it comes from, and how far it can be trusted."""

from __future__ import annotations

import numpy as np

from ..network.feedforward import FeedforwardNetwork
from ..text import box_text, one_line


def origin_paragraphs(network: FeedforwardNetwork, dtype: str, outputs: int | None) -> list[str]:
    """Paragraphs of plain text, each on one line, printable: system, duration, box; accuracy; the layers."""
    provenance, domain = network.provenance, network.domain
    kind = "leaky-ReLU" if any(np.any(slope) for slope in network.slopes) else "ReLU"
    layers = f"{network.depth} {kind} layer" + "s" * (network.depth != 1)
    shape = f"A feedforward network of width {network.width} with {layers}, in {dtype}"
    if outputs is not None:
        shape += f"; of its outputs, the first {outputs}"
    if domain is None:
        where = "It has no record of the points it is meant for: nothing is promised anywhere."
    else:
        where = f"It is meant for points x of the box {box_text(domain)}; outside nothing is promised."
    if provenance is None:
        return ["A map given by a feedforward network, of unrecorded origin.", where, f"{shape}."]
    what = f'The flow of "{provenance.system}" over a duration of {provenance.duration:g}.'
    known = []
    if provenance.error is not None:
        error, how = provenance.error, provenance.how_known
        known.append(f"Error over the box, in the max norm: {error:.4g} ({how}).")
    if provenance.tolerance is not None:
        known.append(f"Tolerance asked for: {provenance.tolerance:g}.")
    made = f"{shape}; compiled by vanillaflow {provenance.version}, method {provenance.method}."
    return [one_line(text) for text in (what, where, " ".join(known), made) if text]
