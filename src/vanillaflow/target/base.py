"""Target: what is compiled, a map of the points of a box, as exact as it is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..errors import FieldError
from ..fields.ridge import RidgeField


class Target(ABC):
    """A map x -> Phi(x) on a box, which is compiled.

    Attributes
    ----------
    domain
        The box of starting points.
    duration
        How long the flow is followed.
    name
        What reports call the system.
    rtol
        The relative tolerance of what computes the map; 0 if there is none to choose.
    variables
        The names of the coordinates, if they have any.
    """

    domain: Box
    duration: float
    name: str
    rtol: float = 0.0
    variables: tuple[str, ...] = ()
    # Whether the states on the way are known, at all times from 0 to the duration.
    knows_trajectories = False

    @property
    def dim(self) -> int:
        return self.domain.dim

    @property
    def held(self) -> int:
        """How many of the last coordinates are inputs, which the flow leaves as they are."""
        return 0

    @property
    @abstractmethod
    def reference(self) -> str:
        """What computes the flow, in words: an error is the difference from this."""

    @abstractmethod
    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Phi at the rows of x."""

    @abstractmethod
    def trajectory(
        self, x: Float[np.ndarray, "n d"], times: np.ndarray | Sequence[float]
    ) -> Float[np.ndarray, "m n d"]:
        """The states at increasing `times` (m,) within [0, duration], from the rows of x at time 0."""

    def until(self, time: float) -> Target:
        """The flow over the same box for another duration, `time`.

        Raises
        ------
        ValueError
            If the flow is not known for that duration.
        """
        raise ValueError("a flow that is known by samples has no states at several times")

    @property
    def is_ridge_sum(self) -> bool:
        """Whether the target is the flow of a field that is made of ridges, at all times."""
        return False

    def ridge_segments(self) -> list[tuple[RidgeField, float]]:
        """The fields that follow one another, each with its duration.

        Raises
        ------
        FieldError
            Unless `is_ridge_sum`.
        """
        raise FieldError(
            "this construction needs a field, and this target is known by samples only; the default method "
            "does without"
        )

    def coarser(self, rtol: float) -> Target:
        """The same flow, computed only to a relative tolerance of `rtol` if that is larger than its own."""
        return self

    def finer(self, factor: float) -> Target:
        """The same flow, computed to a relative tolerance that is `factor` times smaller."""
        return self

    def require_resolved(  # noqa: B027
        self, x: Float[np.ndarray, "n d"], allowed: float | Float[np.ndarray, " d"] = 0.0
    ) -> None:
        """Compute the flow of the rows of x in another way, if there is one, and compare.

        Raises
        ------
        FlowNotResolved
            If the two differ by more than `allowed`.
        """
