"""A flow that is not computed any longer once time is up, in the middle of a solution if need be."""

from __future__ import annotations

import time
from copy import copy
from typing import Any

from ...errors import VanillaflowError
from ...target import FlowMap


class OutOfTime(VanillaflowError):
    """Raised by a flow `within` a deadline, after it."""

    def __init__(self) -> None:
        super().__init__("the time is up before the exact flow of all points was computed; allow more")


def within(target: FlowMap, deadline: float) -> FlowMap:
    """The same flow, whose call raises OutOfTime after the deadline, in seconds as of `time.time()`.

    Solvers call the field at every step: that looks at the clock. It stays what it is otherwise, to the
    type's name, as a solver treats fields of different types in different ways.
    """
    kind = type(target.field)

    def call(field: Any, *arguments: Any) -> Any:
        if time.time() > deadline:
            raise OutOfTime
        return kind.__call__(field, *arguments)

    limited, field = copy(target), copy(target.field)
    object.__setattr__(field, "__class__", type(kind.__name__, (kind,), {"__call__": call}))
    limited.field = field
    return limited
