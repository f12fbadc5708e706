"""The peer of `reach`: immrax (Harapanahalli, Jafarpour and Coogan), intervals by embedding systems in JAX.

An embedding system has the ends of an interval as its state; the interval at its end holds the image of the
one at its beginning, up to the error of the solver that follows it, which immrax does not bound.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import vanillaflow as vf

# Its solver's step: halving it changes the areas below by less than a thousandth.
_STEP = 0.01


def available() -> bool:
    try:
        import immrax  # noqa: F401
    except ImportError:
        return False
    return True


def enclosed(
    rate: Callable[[Any, Any], list], box: vf.Box, duration: float, parts: int, embedding: str = "natemb"
) -> tuple[np.ndarray, np.ndarray, float]:
    """Low and high ends (k, d) of boxes around the images of parts^d equal boxes, and the seconds that it
    takes when it is compiled. `rate(jnp, x)` are the components of x'."""
    import immrax as irx
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    class System(irx.System):
        def __init__(self) -> None:
            self.evolution, self.xlen = "continuous", box.dim

        def f(self, t: Any, x: Any) -> Any:
            return jnp.array(rate(jnp, x))

    embedded = getattr(irx, embedding)(System())

    def image(ends: Any) -> Any:
        states = embedded.compute_trajectory(0.0, duration, ends, dt=_STEP, solver="tsit5")
        # What follows the last step is filled up with infinities.
        return states.ys[jnp.sum(jnp.isfinite(states.ts)) - 1]

    run = jax.jit(jax.vmap(image))
    steps = np.stack(np.meshgrid(*[np.arange(parts)] * box.dim, indexing="ij"), axis=-1).reshape(-1, box.dim)
    low = box.low + steps * box.width / parts
    starts = jnp.asarray(np.concatenate([low, low + box.width / parts], axis=1))
    run(starts).block_until_ready()
    begun = perf_counter()
    ends = np.asarray(run(starts).block_until_ready())
    return ends[:, : box.dim], ends[:, box.dim :], perf_counter() - begun
