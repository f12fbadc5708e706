"""The dialects by name: one line each. What the activations of a network are, and what lowers a flow to them.

Nothing is imported here: the command line offers these names in its help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dialect:
    """What the networks of a dialect are made of.

    Attributes
    ----------
    activation
        The activation, in ONNX's words: LeakyRelu has one slope a layer, PRelu one a neuron, Relu none.
    lowering
        The function (flow, slope) -> network, as `module:function` in `lowering`.
    summary
        A description, in a clause.
    wider
        Whether the hidden layers have more than d neurons.
    takes_slope
        Whether one slope may be given for all layers.
    """

    activation: Literal["LeakyRelu", "PRelu", "Relu"]
    lowering: str
    summary: str
    wider: bool = False
    takes_slope: bool = False

    @property
    def slopes_per_layer(self) -> bool:
        """Whether a layer has one slope, be it 0, and not one for each neuron."""
        return self.activation != "PRelu"


# The first is the default.
DIALECTS = {
    "leaky_relu": Dialect(
        "LeakyRelu", "leaky_relu:lower_to_leaky_relu", "one slope a layer, width d", takes_slope=True
    ),
    "prelu": Dialect("PRelu", "prelu:lower_to_prelu", "one slope a neuron, width d"),
    "relu": Dialect("Relu", "relu:lower_to_relu", "plain ReLUs, width d + 1", wider=True),
}
