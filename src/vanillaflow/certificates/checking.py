"""Is a certificate true of this network and this system? What it says is found again, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..errors import CertificateRefused
from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from ..target import FlowMap
from . import certify, known_seed
from .binomial import smallest_fraction
from .certificate import Certificate
from .evaluation import evaluated
from .fingerprints import network_hash, system_hash
from .sampled import absolute_errors
from .statistical import fresh_points

# Two evaluations of one error differ by less than this part of it, plus so many units of rounding and of the
# solver's tolerance: other machines sum in another order, and the solver chooses its steps for a whole batch.
_PART, _ROUNDINGS, _TOLERANCES = 1e-3, 200, 100
# Searches from other points come this close to the same maximum, or closer. A heuristic.
_SEARCH = 1.05
# An estimate of the solver's error is known to a factor.
_FACTOR = 2


def check(
    certificate: Certificate,
    flow: PlanarFlow | FeedforwardNetwork,
    target: FlowMap,
    dtype: str | None = None,
    seed: int | None = None,
) -> str:
    """Refuse the certificate unless it is of this flow and this target and what it says is found again.

    Compared are the hashes, the box, the duration, the precision `dtype` (if it is given), and the error at
    its worst point. Then the errors are measured again: for "sampled" by a new search, which must not find
    one larger by more than 5 %; for "statistical" at the same points, where no bound must come out larger,
    and at as many new ones, of which not significantly more may exceed the bound than it allows, with the
    certificate's own confidence; for "rigorous" the bound is proved again. Without `seed` the new points are
    such that nobody could know them before.

    Returns what was found, in one sentence. Raises CertificateRefused, saying what does not hold; ValueError
    for a bad dtype or seed.
    """
    _require_same(certificate, flow, target, dtype or certificate.dtype)
    again = _Measurement(certificate, flow, target)
    at_worst = float(again.errors(certificate.worst_point[None]).max())
    if abs(at_worst - certificate.largest) > again.slack(certificate.largest):
        raise CertificateRefused(
            f"the error at its worst point is {at_worst:.6g}, not {certificate.largest:.6g} as it says"
        )
    seed = known_seed(seed)
    ways = {"sampled": again.by_search, "statistical": again.by_points, "rigorous": again.by_proof}
    return ways[certificate.method](seed)


def _require_same(
    certificate: Certificate, flow: PlanarFlow | FeedforwardNetwork, target: FlowMap, dtype: str
) -> None:
    """Raise CertificateRefused if it is about something else."""
    if certificate.dtype != dtype:
        raise CertificateRefused(f"it is of a network in {certificate.dtype}, and this one is in {dtype}")
    try:
        same = certificate.network_hash == network_hash(flow, dtype)
    except ValueError as error:  # This one cannot be had in that precision.
        raise CertificateRefused(f"it belongs to another network: {error}") from None
    if not same:
        raise CertificateRefused("it belongs to another network: the numbers of this one have another hash")
    if certificate.box != target.domain:
        raise CertificateRefused("it belongs to another system: the box of this one is another")
    if certificate.duration != target.duration:
        raise CertificateRefused(
            f"it belongs to another system: the duration of this one is {target.duration:.6g}, not "
            f"{certificate.duration:.6g}"
        )
    if certificate.system_hash != system_hash(target):
        raise CertificateRefused(
            f"it belongs to another system, {certificate.system!r}: the field of this one, {target.name!r}, "
            "has other values"
        )


@dataclass(frozen=True, eq=False)
class _Measurement:
    """The errors that a certificate is about, measured again."""

    certificate: Certificate
    flow: PlanarFlow | FeedforwardNetwork
    target: FlowMap
    evaluate: Callable[[np.ndarray], np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evaluate", evaluated(self.flow, self.certificate.dtype))

    def errors(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return absolute_errors(self.evaluate(x), self.target(x))

    def slack(self, error: float) -> float:
        """How far another evaluation of an error of this size may be off."""
        box = self.target.domain
        size = max(float(np.abs(self.evaluate(x[None])).max()) for x in (box.low, box.center, box.high))
        units = _ROUNDINGS * float(np.finfo(self.certificate.dtype).eps) + _TOLERANCES * self.target.rtol
        return _PART * error + units * size

    def by_search(self, seed: int) -> str:
        claimed, dtype = self.certificate.bound, self.certificate.dtype
        found = certify(self.flow, self.target, "sampled", seed, dtype).bound
        if found > _SEARCH * claimed + self.slack(claimed):
            raise CertificateRefused(f"a new search found an error of {found:.6g}, above its {claimed:.6g}")
        return f"A new search, with seed {seed}, found an error of {found:.4g}."

    def by_proof(self, seed: int) -> str:
        claim = self.certificate
        # The same cells come out the same up to rounding, but not in the last digit on every machine.
        goal = claim.bound * (1 + _PART)
        try:
            proved = certify(self.flow, self.target, "rigorous", seed, claim.dtype, goal=goal)
        except ValueError as error:
            raise CertificateRefused(f"it cannot be proved: {error}") from None
        if proved.bound > goal:
            raise CertificateRefused(f"only {proved.bound:.6g} can be proved, not its {claim.bound:.6g}")
        return f"With {proved.points} cells a bound of {proved.bound:.4g} is proved."

    def by_points(self, seed: int) -> str:
        claim = self.certificate
        assert claim.coverage is not None and claim.solver_error is not None
        options = {name: getattr(claim, name) for name in ("points", "confidence", "coverage")}
        try:
            same = certify(self.flow, self.target, "statistical", claim.seed, claim.dtype, **options)
        except ValueError as error:
            raise CertificateRefused(f"there is no such measurement: {error}") from None
        assert same.solver_error is not None
        pairs = [(same.bound, claim.bound), (same.largest, claim.largest)]
        for found, claimed in (*pairs, *zip(same.per_output.tolist(), claim.per_output.tolist())):
            if found > claimed + self.slack(claimed):
                raise CertificateRefused(
                    f"at its own points an error of {found:.6g} comes out where it says {claimed:.6g}"
                )
        if same.solver_error > _FACTOR * claim.solver_error + self.slack(0.0):
            raise CertificateRefused(
                f"the solver's own error is about {same.solver_error:.2g}, not {claim.solver_error:.2g}"
            )
        bound = claim.bound + self.slack(claim.bound)
        new = fresh_points(self.target, claim.points, seed)
        exceeding = sum(int(np.sum(self.errors(x).max(axis=1) > bound)) for x in new)
        allowed = 1 - claim.coverage
        if smallest_fraction(exceeding, claim.points, claim.confidence) > allowed:
            raise CertificateRefused(
                f"{exceeding} of {claim.points} new points have an error above its bound of "
                f"{claim.bound:.6g}, too many for a fraction {allowed:.2g} of the box"
            )
        return (
            f"At its own points the bound comes out as {same.bound:.4g}; of as many new ones, with seed "
            f"{seed}, {exceeding} have an error above it."
        )
