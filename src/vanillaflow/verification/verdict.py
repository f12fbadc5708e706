"""Verdict: whether a property holds for the flow of an ODE, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..certificates.certificate import round_up
from ..text import point_text


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of a property of the exact flow.

    Attributes
    ----------
    status
        "holds", proved for every start; "violated", with a start whose trajectory is proved to violate it; or
        "unknown".
    property_name
        The name of the property.
    margin
        What was proved of the network's error in each output, and added to the property.
    cells
        The number of cells of the starts that were examined.
    seconds
        How long it took, without the proof of the margin.
    point
        For "violated" that start; for "unknown" one that could not be decided, if there is any.
    image
        Where the flow carries the point: for "violated" the middle of an enclosure, for "unknown" as the
        solver computes it.
    reason
        For "unknown", what kept the property from being decided.
    """

    status: str
    property_name: str
    margin: Float[np.ndarray, " d"]
    cells: int
    seconds: float
    point: Float[np.ndarray, " d"] | None = None
    image: Float[np.ndarray, " d"] | None = None
    reason: str = ""

    @property
    def statement(self) -> str:
        """What the verdict says, in one or two sentences."""
        largest = round_up(float(self.margin.max()), 3)
        if self.status == "holds":
            return (
                f"The property holds for the flow of the ODE: proved on {self.cells} cells, with the "
                f"network's error, at most {largest}, taken into account."
            )
        if self.point is None or self.image is None:
            return f"Not decided: {self.reason}."
        where = f"from {point_text(self.point)} to {point_text(self.image)}"
        if self.status == "violated":
            return f"The property is violated: the flow goes {where}, proved by a validated integrator."
        return f"Not decided: {self.reason}; the flow goes {where}."

    def __str__(self) -> str:
        return f"{self.property_name}: {self.status}. {self.statement}"
