"""FlowChain: compiled flows to several times, each going on from the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..planar.flow import PlanarFlow


@dataclass(frozen=True, eq=False)
class FlowChain:
    """The flow to each of the times t_1 < ... < t_m, as compositions of increments that they share.

    Attributes
    ----------
    times
        The times t_1, ..., t_m.
    flows
        The flow from time 0 to each; `flows[k]` is `increments[k]` after `flows[k - 1]`.
    increments
        The flow from each time to the next; `increments[0]` is `flows[0]`. The others are accurate on the
        image of the box under the flow before them, and have no domain of their own.
    """

    times: tuple[float, ...]
    flows: tuple[PlanarFlow, ...]
    increments: tuple[PlanarFlow, ...]

    @property
    def dim(self) -> int:
        return self.flows[0].dim

    @property
    def kinks(self) -> int:
        """The number of planar maps of all increments together, which are those of the last flow."""
        return self.flows[-1].kinks

    def __len__(self) -> int:
        return len(self.flows)

    def __getitem__(self, k: int) -> PlanarFlow:
        """The flow to times[k]."""
        return self.flows[k]

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m n d"]:
        """The states at all times of the rows of x, for the price of the last."""
        states = [self.increments[0](x)]
        for increment in self.increments[1:]:
            states.append(increment(states[-1]))
        return np.stack(states)

    def __repr__(self) -> str:
        return f"FlowChain(dim={self.dim}, times={list(self.times)}, kinks={[f.kinks for f in self.flows]})"
