"""System: a named field with the box and the duration of the flow to compile."""

from __future__ import annotations

from dataclasses import dataclass

from ..box import Box
from ..target import Field, FlowMap


@dataclass(frozen=True)
class System:
    """A named field with the box and the duration of the flow to compile.

    A TOML file, an entry of the zoo or a Python module describes one.

    Parameters
    ----------
    name
        The name, for reports and files.
    field
        The right-hand side of x' = field(t, x).
    domain
        The box of starting points.
    duration
        How long the flow is followed.
    variables
        The names of the d coordinates.
    equations
        The equations as text, for reports.
    inputs
        The last of the variables that the flow leaves as they are.
    parameters
        What the constants in the equations are, as text: `damping = 0.2`.
    """

    name: str
    field: Field
    domain: Box
    duration: float
    variables: tuple[str, ...] = ()
    equations: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    def target(self) -> FlowMap:
        """The FlowMap to compile."""
        return FlowMap(self.field, self.duration, self.domain, self.name, variables=self.variables)
