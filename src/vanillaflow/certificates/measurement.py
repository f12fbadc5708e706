"""The errors that a certificate is about, measured again, and how much of a difference is forgiven.

A certificate is somebody's claim, and each of its numbers may be chosen to deceive. So it is compared with
errors at points that nobody could know, and what is forgiven at a point is

    min( PART * claim,  MACHINES * claim + ROUNDINGS * rounding + SOLVER * solver's error ),

where rounding and the solver's error are those at this point, of this output, in its units (`resolution`):
never more than a twentieth of the claim itself, however the network, its system or its units are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from ..errors import CertificateRefused
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..sampling.search import absolute_errors, affordable_points
from ..target import Target
from ..text import point_text
from .certificate import Certificate
from .evaluation import evaluator
from .resolution import FINER, rounding, solver_errors
from .statistical import fresh_points

# The most that rounding and a solver may move an error above its claim, as a part of the claim.
PART = 0.05
# Two machines agree to this part of an error, whatever computes the flow; and to so many times the rounding
# and the solver's error, each of which is estimated to a factor of two or so.
MACHINES, _ROUNDINGS, _SOLVER = 1e-3, 4.0, 4.0
# Below this tolerance no solver gets better.
_LEAST_RTOL = 1e-13
# The worst point and so many less one others are solved twice.
_RESOLVED_AT = 16
# Fresh points, with the worst point full batches of the solver, which is less exact for a few; half a second
# for a system of the zoo. And at how many of them the resolution is estimated.
_FRESH, _FEW = 2**16 - 1, 256
# A rounding of so many units in the last place of an output is that of the output itself.
_OUTPUT_UNITS = 8


@dataclass(frozen=True, eq=False)
class Measurement:
    """Errors as arrays (n, k) with k = 1 + d columns: the max norm, and each output.

    `target` is the one that was passed; or, where its solver's error is not small beside the claims, and they
    are not wrong anyway, the same at a smaller tolerance: so that a loose tolerance loosens no claim, and a
    network that is exact up to the solver's error, and says so, is found to be no worse. `solver_error` is
    that of each output; `blurred` by how much that of the target as it was passed may move an error.
    """

    certificate: Certificate
    flow: PlanarFlow | FeedforwardNetwork
    target: Target
    seed: int
    evaluate: Callable[[np.ndarray], np.ndarray] = field(init=False)
    solver_error: Float[np.ndarray, " d"] = field(init=False)
    blurred: float = field(init=False)

    def __post_init__(self) -> None:
        target = self.target
        object.__setattr__(self, "evaluate", evaluator(self.flow, self.certificate.dtype))
        x = np.concatenate([self.certificate.worst_point[None], *fresh_points(target, _FEW, self.seed)])
        while True:
            y = target(x)
            off = solver_errors(target, x, y).max(axis=0)
            blurred, claims = _SOLVER * _with_max(off[None])[0], self.claims.copy()
            claims[0] = min(claims[0], self.certificate.largest)
            if target is self.target:
                object.__setattr__(self, "blurred", float(blurred[0]))
            found = _with_max(absolute_errors(self.evaluate(x), y)).max(axis=0)
            plausible = (blurred > PART * claims) & (found <= claims + blurred)
            if not plausible.any() or target.rtol <= _LEAST_RTOL:
                break
            target = target.finer(FINER)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "solver_error", off)

    @cached_property
    def claims(self) -> Float[np.ndarray, " k"]:
        """The bounds of the certificate."""
        return np.array([self.certificate.bound, *self.certificate.per_output])

    @cached_property
    def fresh(self) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n k"]]:
        """The worst point and the fresh points, and the errors there.

        The worst point is solved along with others, as it was: alone it is solved less exactly.
        """
        count = min(_FRESH, affordable_points(self.target))
        if self.certificate.method == "statistical":
            count = max(count, self.certificate.points)
        x = np.concatenate(fresh_points(self.target, count, self.seed))
        x = np.concatenate([self.certificate.worst_point[None], x])
        return x, self.errors(x)

    def require_resolved(self) -> None:
        """Raise FlowNotResolved if two solves of the flow differ by a part of the largest error."""
        self.target.require_resolved(self.fresh[0][:_RESOLVED_AT], PART * self.certificate.largest)

    def errors(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        return _with_max(absolute_errors(self.evaluate(x), self.target(x)))

    def doubt(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """How far another evaluation of the errors may be off."""
        if not len(x):
            return np.zeros((0, len(self.claims)))
        solver = np.maximum(self.solver_error, solver_errors(self.target, x))
        return _with_max(_ROUNDINGS * self._rounding(x) + _SOLVER * solver)

    def _rounding(self, x: np.ndarray) -> np.ndarray:
        return rounding(self.flow, self.certificate.dtype, self.target, x)

    @cached_property
    def inner_rounding(self) -> float:
        """By how much sums within the network move its outputs, at a typical point."""
        x = self.fresh[0][1 : 1 + _FEW]
        unit = _OUTPUT_UNITS * float(np.finfo(self.certificate.dtype).eps)
        return float(np.median((self._rounding(x) - unit * np.abs(self.evaluate(x))).max(axis=1)))

    def forgiven(self, x: Float[np.ndarray, "n d"], claims: np.ndarray) -> Float[np.ndarray, "n k"]:
        """By how much an error may exceed each of the claims (k,)."""
        return np.minimum(PART * claims, MACHINES * claims + self.doubt(x))

    def above(
        self, x: Float[np.ndarray, "n d"], errors: Float[np.ndarray, "n k"], claims: np.ndarray
    ) -> Bool[np.ndarray, "n k"]:
        """Which errors are above the claims (k,) by more than is forgiven."""
        above = errors > (1 + PART) * claims
        # Only of the others it matters how much is forgiven.
        rows = np.flatnonzero(((errors > claims) & ~above).any(axis=1))
        above[rows] |= errors[rows] > claims + self.forgiven(x[rows], claims)
        return above

    def refuse_above(self, exceeded: Bool[np.ndarray, "n k"]) -> None:
        """Raise CertificateRefused at the worst of the fresh points that exceed a claim, if any does."""
        x, errors = self.fresh
        for column in map(int, np.flatnonzero(exceeded.any(axis=0))):
            worst = int(np.argmax(np.where(exceeded[:, column], errors[:, column], -1.0)))
            claim = float(self.claims[column])
            raise CertificateRefused(
                f"of {len(x) - 1} fresh points, with seed {self.seed}, and its own worst one, "
                f"{point_text(x[worst])} has an error {in_output(column)}of {errors[worst, column]:.6g}, "
                f"above its {claim:.6g}{self.limits(x[worst], column, claim, errors[worst, column])}"
            )

    def limits(self, x: Float[np.ndarray, " d"], column: int, claim: float, error: float) -> str:
        """What to add where no evaluation can tell whether an error is above a claim so small."""
        off = float(self.doubt(x[None])[0, column])
        if off < abs(error - claim):
            return ""
        return (
            f"; in {self.certificate.dtype} and by this solver errors are known to {off:.2g} there, and "
            f"forgiven is no more than {PART:.0%} of a claim"
        )


def in_output(column: int) -> str:
    """Which error a column is, to be put after "an error"."""
    return "" if column == 0 else f"in output {column - 1} "


def _with_max(of_outputs: np.ndarray) -> np.ndarray:
    return np.concatenate([of_outputs.max(axis=1, keepdims=True), of_outputs], axis=1)
