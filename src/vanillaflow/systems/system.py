"""System: a named field with the box and the duration for which it is asked about."""

from __future__ import annotations

from dataclasses import dataclass

from ..box import Box
from ..target import Field, FlowMap


@dataclass(frozen=True)
class System:
    """What a TOML file or a zoo entry describes, or a Python module.

    `variables` names the d coordinates. The last of them may be `inputs`, which the flow leaves as they are.
    `parameters` says what the constants in the equations are, `damping = 0.2`.
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
