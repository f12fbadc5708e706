"""The layers of a network as a table."""

from __future__ import annotations

import numpy as np

from ..network.feedforward import FeedforwardNetwork

_MOST_ROWS = 1000


def layer_table(network: FeedforwardNetwork) -> str:
    """A <table>: number, slope, spectral norm, condition number, smallest and largest bias of each layer."""
    titles = ("layer", "slope", "spectral norm", "condition", "smallest bias", "largest bias")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    conditions = network.condition_numbers()
    rows = []
    for number, (W, b, condition) in enumerate(zip(network.weights, network.biases, conditions)):
        if _MOST_ROWS <= number < network.depth:
            continue
        output = number == network.depth
        name = "output" if output else str(number + 1)
        slope = "none" if output else _slopes(network, number)
        numbers = (f"{np.linalg.norm(W, 2):.4g}", f"{condition:.4g}", f"{b.min():.4g}", f"{b.max():.4g}")
        cells = "".join(f"<td>{cell}</td>" for cell in (slope, *numbers))
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def count_left_out(network: FeedforwardNetwork) -> int:
    """How many layers the table leaves out."""
    return max(network.depth - _MOST_ROWS, 0)


def _slopes(network: FeedforwardNetwork, layer: int) -> str:
    """The slope, or for one slope a neuron those below 1."""
    slopes = np.atleast_1d(network.slopes[layer])
    bent = slopes[slopes < 1]
    if bent.size == 0:
        return "1"
    if bent.size == 1 or np.ptp(bent) == 0:
        return f"{bent[0]:.4g}"
    return f"{bent.min():.4g} to {bent.max():.4g}"
