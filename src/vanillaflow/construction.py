"""What a construction is: the part of the compiler that makes a flow for a tolerance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .planar import PlanarFlow
from .target import FlowMap

# Whether time is up.
Stop = Callable[[], bool]
Report = Callable[[str], None]
# The stages of a compilation, as in Provenance: (stage, kinks, error).
Path = tuple[tuple[str, int, float], ...]
# (target, tolerance, most kinks, seed, points at which flows made before came out worst) -> the flow, a line
# on how it was made, the stages before that.
# It raises ToleranceNotReached, with the best flow if there is one, and, if Ctrl-C arrives when there is a
# flow already, CompilationInterrupted.
Construction = Callable[[FlowMap, float, int, int, Float[np.ndarray, "h d"]], tuple[PlanarFlow, str, Path]]


def never() -> bool:
    """Stop: there is no limit."""
    return False
