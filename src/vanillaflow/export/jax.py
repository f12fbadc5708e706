"""Networks as functions of JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import import_optional
from ..network.feedforward import FeedforwardNetwork
from .stacks import stacked_layers

if TYPE_CHECKING:
    import jax


def to_jax(
    network: FeedforwardNetwork, dtype: str = "float32", outputs: int | None = None
) -> Callable[[jax.Array], jax.Array]:
    """A pure function of arrays (..., d), with values (..., d) or (..., outputs), for jit, vmap and grad.

    It computes in `dtype`, "float32" or "float64", whatever it is given. Layers of one shape are one
    `jax.lax.scan`, so that a deep network compiles as quickly as a shallow one. Where a neuron is at its
    kink, the derivative is that of its negative side.

    Raises ValueError for float64 unless JAX has it enabled (it would silently compute in float32), if a
    number overflows `dtype`, and for a wrong number of outputs; VanillaflowError if JAX is not installed.
    """
    jax = import_optional("jax", extra="jax", purpose="to_jax")
    stacks = stacked_layers(network, dtype, outputs)
    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise ValueError('float64 needs jax.config.update("jax_enable_x64", True)')
    parameters = [tuple(jax.numpy.asarray(part) for part in stack) for stack in stacks]

    def layer(x, parameters):
        W, b, slope = parameters
        # Some accelerators multiply with fewer digits than the type has, if not told otherwise.
        z = jax.numpy.matmul(x, W.T, precision="highest") + b
        return jax.numpy.where(z > 0, z, slope * z), None

    def flow(x):
        y = jax.numpy.asarray(x, dtype)
        for W, b, slope in parameters:
            if len(W) == 1:
                y, _ = layer(y, (W[0], b[0], slope[0]))
            else:
                y, _ = jax.lax.scan(layer, y, (W, b, slope))
        return y

    return flow
