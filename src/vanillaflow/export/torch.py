"""Networks as ordinary PyTorch modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import import_optional
from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..network.precision import first_outputs, rounded_layers

if TYPE_CHECKING:
    import torch


def to_torch(
    network: FeedforwardNetwork, dtype: str = "float32", outputs: int | None = None
) -> torch.nn.Sequential:
    """An `nn.Sequential` of `nn.Linear` and one kind of activation, on the CPU and in evaluation mode.

    The activations are `nn.LeakyReLU`, `nn.PReLU` with a slope per neuron, or `nn.ReLU`: the dialect's. The
    parameters require gradients, as those of any new module do: call `.requires_grad_(False)` to freeze them.
    `dtype` is "float32" or "float64"; in float64 it agrees with the network to rounding. With `outputs` the
    last Linear gives only the first so many coordinates.

    Raises ValueError if a weight overflows `dtype`, naming the layer, or for a wrong number of outputs, and
    VanillaflowError if torch is not installed.
    """
    torch = import_optional("torch", extra="torch", purpose="to_torch")
    weights, biases, slopes = rounded_layers(network, dtype)
    kept = first_outputs(network, outputs)
    modules = []
    for i, (W, b) in enumerate(zip(weights, biases)):
        if i == network.depth:
            W, b = W[:kept], b[:kept]
        # skip_init: no random initialization, hence no change to the user's random state.
        linear = torch.nn.utils.skip_init(
            torch.nn.Linear, W.shape[1], W.shape[0], device="cpu", dtype=getattr(torch, dtype)
        )
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        modules.append(linear)
        if i < network.depth:
            modules.append(_activation(network.dialect, slopes[i]))
    return torch.nn.Sequential(*modules).eval()


def _activation(dialect: str, slopes: np.ndarray) -> torch.nn.Module:
    """The activation of one layer; `slopes` is its slope, or one for each of its neurons."""
    torch = import_optional("torch", extra="torch", purpose="to_torch")
    kind = DIALECTS[dialect].activation
    if kind == "Relu":
        return torch.nn.ReLU()
    if kind == "LeakyRelu":
        return torch.nn.LeakyReLU(float(slopes))
    # The slopes replace its initial value, a constant: no random numbers are drawn.
    activation = torch.nn.PReLU(slopes.size, device="cpu", dtype=getattr(torch, slopes.dtype.name))
    with torch.no_grad():
        activation.weight.copy_(torch.from_numpy(slopes))
    return activation
