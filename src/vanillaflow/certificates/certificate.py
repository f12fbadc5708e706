"""Certificate: a statement about the error of a network over a box, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from .. import __version__
from ..box import Box
from ..choices import CERTIFICATION_METHODS
from ..network.precision import DTYPES
from ..text import point_text

if TYPE_CHECKING:
    from os import PathLike

    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow
    from ..target import Target


@dataclass(frozen=True, eq=False)
class Finding:
    """What a method finds of an error. The attributes are those of the Certificate that is made of it."""

    method: str
    bound: float
    per_output: Float[np.ndarray, " d"]
    worst_point: Float[np.ndarray, " d"]
    confidence: float
    points: int
    largest: float
    coverage: float | None = None
    solver_error: float | None = None
    seed: int = 0

    @property
    def statement(self) -> str:
        """What the certificate says, in one sentence, rounded to the safe side."""
        if self.method == "rigorous" and not isfinite(self.bound):
            return (
                f"No finite bound of the error is proved, on {self.points} cells. At one point it is "
                f"{self.largest:.4g}."
            )
        if self.method == "rigorous":
            return (
                f"The error is at most {round_up(self.bound, 4)} everywhere in the box: proved on "
                f"{self.points} cells. At one point it is {self.largest:.4g}."
            )
        if self.coverage is None:
            return (
                f"The largest error found at {self.points} starting points of the box is {self.largest:.4g}; "
                "the supremum is at least that, and nothing bounds it from above."
            )
        # In decimals, where 1 - 0.99 is 0.01.
        rest = round_up(1 - Decimal(repr(self.coverage)), 2)
        return (
            f"With confidence {self.confidence!r}, at most a fraction {rest} of the box (by volume) has an "
            f"error above {round_up(self.bound, 4)}."
        )

    def __str__(self) -> str:
        where = point_text(self.worst_point)
        if self.coverage is None:
            return f"error {self.bound:.3e} ({self.method}, {self.points} points), largest at {where}"
        return (
            f"error {self.bound:.3e} on {self.coverage:.6g} of the box with confidence {self.confidence:g} "
            f"({self.method}, {self.points} points), largest {self.largest:.3e} at {where}"
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Certificate(Finding):
    """What is known of the error |flow(x) - target(x)|, in the max norm, over the box of starting points x.

    Attributes
    ----------
    method
        "sampled", "statistical" or "rigorous".
    bound
        For "sampled" the largest error found: the supremum is at least this. For "statistical" an upper bound
        on the part `coverage` of the box, with the given confidence. For "rigorous" a proved upper bound on
        the whole box.
    per_output
        The same for each coordinate of the output, each on its own.
    worst_point
        The starting point of the largest error found.
    confidence
        The probability with which `bound` holds as an upper bound; 0 where it is only a lower bound.
    points
        The number of starting points compared; for "rigorous" that of cells.
    largest
        The largest error found, at `worst_point`; the supremum is at least this, whatever the method.
    coverage
        The part of the box, by volume, on which `bound` holds; None for a bound of the supremum.
    solver_error
        An estimate of the error of the target's own solver, contained in `bound`; None if there is none.
    seed
        The seed of the points.
    dtype
        The precision in which the network was evaluated, "float32" or "float64".
    network_hash
        Which network the certificate is about, see `fingerprints`.
    system_hash
        Which system it is about, see `fingerprints`.
    system
        The name of the system.
    duration
        How long its flow is followed.
    box
        The box of starting points.
    reference
        What the network was compared with, in words.
    seconds
        How long the measurement or proof took.
    version
        The version of vanillaflow.
    """

    dtype: str
    network_hash: str
    system: str
    system_hash: str
    duration: float
    box: Box
    reference: str
    seconds: float
    version: str = __version__

    @property
    def basis(self) -> str:
        """The reference from which the error is the difference, in one sentence."""
        if self.method == "rigorous":
            return (
                f"The error is the max norm of the difference of the network in {self.dtype}, with all that "
                "is rounded or underflows in any order of its sums, from the exact flow of the field, "
                "enclosed by a validated integrator; where a number could overflow, no finite bound is "
                "proved."
            )
        if self.solver_error is None:
            own = "whose own error is not estimated"
        elif self.solver_error == 0:
            own = "which is taken as exact"
        else:
            own = f"whose own error, about {round_up(self.solver_error, 2)}, is added to the bound"
        against = self.reference
        return f"The error is the max norm of the difference from {against}, {own}."

    def save(self, path: str | PathLike[str]) -> None:
        """Write the certificate as JSON.

        Raises
        ------
        OutputError
            If `path` cannot be written.
        ValueError
            If the error is not finite or the certificate does not know its network and system.
        """
        from .certificate_file import save_certificate

        save_certificate(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> Certificate:
        """Read from `path` what `save` wrote. It may still be untrue, or of another network: see `check`.

        Raises
        ------
        FileFormatError
            For any other file; the message names the file and the reason.
        VanillaflowError
            If there is no such file.
        """
        from .certificate_file import load_certificate

        return load_certificate(path)

    def check(
        self,
        flow: PlanarFlow | FeedforwardNetwork,
        target: Target,
        dtype: str | None = None,
        seed: int | None = None,
    ) -> str:
        """Measure again and return what was found, in one sentence.

        The measurement, and what `dtype` and `seed` do in it, is described in `checking.check`.

        Raises
        ------
        CertificateRefused
            If the certificate is of another flow or target, or what it says is not found; the message says
            why.
        """
        from .checking import check

        return check(self, flow, target, dtype, seed)

    def _repr_html_(self) -> str:
        from ..display.notebook import certificate_html

        return certificate_html(self)


def contradiction(certificate: Certificate) -> str | None:
    """What no measurement can have found, if anything: numbers that are none, or that do not go together."""
    box, method = certificate.box, certificate.method
    confidence, coverage, solver_error = (
        certificate.confidence,
        certificate.coverage,
        certificate.solver_error,
    )
    if not isinstance(box, Box):
        return "it does not know its box; certify() makes one that does"
    if method not in CERTIFICATION_METHODS:
        return "its method is unknown"
    if certificate.dtype not in DTYPES:
        return "its dtype is unknown"
    numbers = {name: getattr(certificate, name) for name in ("bound", "largest", "confidence", "duration")}
    numbers |= {"coverage": coverage, "solver_error": solver_error} if method == "statistical" else {}
    for name, value in numbers.items():
        if not _finite(value):
            return f"its {name} is not a finite number"
    for name in ("per_output", "worst_point"):
        vector = getattr(certificate, name)
        if np.shape(vector) != (box.dim,) or not all(map(_finite, np.asarray(vector).tolist())):
            return f"its {name} is not {box.dim} finite numbers, one for each coordinate"
    for name, least in (("points", 1), ("seed", 0)):
        value = getattr(certificate, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
            return f"its {name} is not a whole number from {least}"
    if method == "statistical":
        fits = 0 < confidence < 1 and 0 < numbers["coverage"] < 1
    elif method == "rigorous":
        fits = coverage is None and solver_error is None and confidence == 1
        fits = fits and certificate.bound >= certificate.largest
    else:
        fits = coverage is None and solver_error is None and confidence == 0
        fits = fits and certificate.bound == certificate.largest
    errors = (certificate.bound, certificate.largest, *certificate.per_output, solver_error or 0.0)
    for wrong, why in (
        (not fits, "its confidence, coverage, bound or solver_error is none of its method"),
        (numbers["duration"] <= 0, "its duration is not positive"),
        (min(errors) < 0, "an error is negative"),
        (not box.contains(certificate.worst_point[None])[0], "its worst_point is not in its box"),
    ):
        if wrong:
            return why
    return None


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def round_up(value: float | Decimal, digits: int) -> str:
    """The smallest number of so many significant digits that is not below `value` >= 0."""
    if value == 0 or not isfinite(value):
        return f"{float(value):g}"
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    unit = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return f"{float(exact.quantize(unit, ROUND_CEILING)):.{digits}g}"
