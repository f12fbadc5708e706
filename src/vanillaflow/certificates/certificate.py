"""Certificate: a statement about the supremum error, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is known of sup over the box of |flow(x) - target(x)| in the max norm.

    Attributes
    ----------
    method : "sampled".
    bound : for "sampled" the largest error found: the supremum is at least this.
    per_output : (d,), the same for each coordinate of the output.
    worst_point : (d,), the starting point at which `bound` was found.
    confidence : the probability with which `bound` holds as an upper bound; 0 where it is only a lower bound.
    points : how many starting points were compared.
    """

    method: str
    bound: float
    per_output: Float[np.ndarray, " d"]
    worst_point: Float[np.ndarray, " d"]
    confidence: float
    points: int

    def __str__(self) -> str:
        where = ", ".join(f"{v:.4g}" for v in self.worst_point)
        return f"error {self.bound:.3e} ({self.method}, {self.points} points), largest at ({where})"
