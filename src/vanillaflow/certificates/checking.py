"""Is a certificate true of this network and this system? What it says is found again, or it is refused."""

from __future__ import annotations

import numpy as np

from ..errors import CertificateRefused
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..target import Target
from ..text import point_text
from . import certify, known_seed
from .binomial import order_statistic, smallest_fraction
from .certificate import Certificate, contradiction
from .fingerprints import network_hash, system_hash
from .measurement import MACHINES, PART, Measurement, in_output
from .statistical import fresh_points

# By what part another search may find more. From other seeds it finds errors within 7 % of each other
# (fitzhugh_nagumo, 101 kinks, whose worst piece is a needle; most others within 2 %).
SEARCH = 0.1
# The check's own confidence, with which too many exceedances are too many.
_CONFIDENCE = 0.999
# A proof takes about as many cells as it took, with these numbers at most four times as many.
_CELLS, _SOME_CELLS, _MOST_CELLS = 4, 2**12, 10**6
# A statement about less than this part of the box, or less certain than this, certifies nothing.
_LEAST = 0.5
# A solver's error is known to a factor.
_FACTOR = 2


def check(
    certificate: Certificate,
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    dtype: str | None = None,
    seed: int | None = None,
) -> str:
    """Refuse the certificate unless it is of this flow and this target and what it says is found again.

    Compared are the hashes, the box, the duration, the precision `dtype` (if it is given), and the error at
    its worst point. Then the error is measured at 65,535 fresh points (fewer in many dimensions), without
    `seed` such that nobody could know them before:

    - "sampled": neither they nor a new search may show an error above 1.1 times what it says;
    - "statistical": of them, and of as many as it has itself, no more may have an error above its bound than
      it allows, significantly (at 0.999, whatever its own confidence); nor of its own points;
    - "rigorous": the bound is proved again, to a thousandth, and none of them may have a larger error.

    The bounds of single outputs are checked likewise, in their own units. The rounding of an evaluation and
    the solver's error are forgiven, up to a twentieth of the claim (see `measurement`). A target whose
    tolerance is too loose for the claims is solved to a smaller one. Certificates that contradict themselves
    are refused, too, and statistical ones about less than half of the box or with a confidence below one
    half, and claims below the rounding of sums within the network.

    Returns
    -------
    str
        What was found, in one sentence.

    Raises
    ------
    CertificateRefused
        If anything does not hold; the message says what.
    ValueError
        For a bad dtype or seed.
    FlowNotResolved
        Where two solves of the flow do not agree.
    """
    wrong = contradiction(certificate)
    if wrong is not None:
        raise CertificateRefused(f"it is none: {wrong}")
    _require_same(certificate, flow, target, dtype or certificate.dtype)
    if certificate.method == "statistical":
        _require_meaning(certificate)
    again = Measurement(certificate, flow, target, known_seed(seed))
    again.require_resolved()
    _at_worst_point(again)
    if not again.inner_rounding <= certificate.bound:
        raise CertificateRefused(
            f"rounding in {certificate.dtype} moves the network's outputs by {again.inner_rounding:.2g}, "
            f"more than its {certificate.bound:.6g}: on another machine the error is another"
        )
    return {"sampled": _by_search, "statistical": _by_points, "rigorous": _by_proof}[certificate.method](
        again
    )


def _require_same(
    certificate: Certificate, flow: PlanarFlow | FeedforwardNetwork, target: Target, dtype: str
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


def _require_meaning(certificate: Certificate) -> None:
    """Raise CertificateRefused if a statistical certificate says next to nothing, or nothing consistent."""
    for name in ("coverage", "confidence"):
        value = getattr(certificate, name)
        if value < _LEAST:
            raise CertificateRefused(
                f"its {name} is {value:.3g}: with one below {_LEAST:g} a bound certifies nothing"
            )
    if _allowance(certificate) == 0 and certificate.bound < certificate.largest:
        raise CertificateRefused(
            f"it contradicts itself: its bound, {certificate.bound:.6g}, is below the largest error that it "
            f"found, {certificate.largest:.6g}"
        )


def _allowance(certificate: Certificate) -> int:
    """How many of a statistical certificate's own points may have an error above its bound."""
    assert certificate.coverage is not None
    points, confidence = certificate.points, certificate.confidence
    try:
        return points - order_statistic(points, confidence, certificate.coverage)
    except ValueError as error:
        raise CertificateRefused(f"there is no such measurement: {error}") from None


def _at_worst_point(again: Measurement) -> None:
    claim = again.certificate.largest
    x, found = again.fresh[0][0], float(again.fresh[1][0, 0])
    # An error that comes out smaller deceives nobody, and one of rounding comes out as anything.
    less = MACHINES * claim + float(again.doubt(x[None])[0, 0]) + again.blurred
    if not claim - less <= found <= _most(again, x):
        raise CertificateRefused(
            f"the error at its worst point is {found:.6g}, not {claim:.6g} as it says"
            f"{again.limits(x, 0, claim, found)}"
        )


def _most(again: Measurement, x: np.ndarray) -> float:
    """What the error at x may be where the certificate says that the largest found was `largest`.

    That of a search is its bound. The others' bounds, which allow for the solver's error, are above it: up to
    there the solver may have blurred it.
    """
    claim = again.certificate.largest
    most = claim + float(again.forgiven(x[None], np.full(len(again.claims), claim))[0, 0])
    if again.certificate.method == "sampled":
        return most
    return max(most, min(again.certificate.bound, claim + again.blurred))


def _by_search(again: Measurement) -> str:
    errors = again.fresh[1]
    again.refuse_above(errors > (1 + SEARCH) * again.claims)
    found = certify(again.flow, again.target, "sampled", again.seed, again.certificate.dtype)
    for column, error in enumerate((found.bound, *found.per_output)):
        claim = again.claims[column]
        if error > (1 + SEARCH) * claim:
            where = f" at {point_text(found.worst_point)}" if column == 0 else ""
            raise CertificateRefused(
                f"a new search, with seed {again.seed}, found an error {in_output(column)}of "
                f"{error:.6g}{where}, more than {SEARCH:.0%} above its {claim:.6g}"
            )
    return (
        f"A new search, with seed {again.seed}, found an error of {found.bound:.4g}, and {len(errors) - 1} "
        f"fresh points one of {errors[1:, 0].max():.4g}."
    )


def _by_proof(again: Measurement) -> str:
    claim, (x, errors) = again.certificate, again.fresh
    again.refuse_above(again.above(x, errors, again.claims))
    # What a search contradicts need not be tried to prove.
    searched = certify(again.flow, again.target, "sampled", again.seed, claim.dtype)
    worst = searched.worst_point[None]
    if again.above(worst, again.errors(worst), again.claims).any():
        raise CertificateRefused(
            f"a new search, with seed {again.seed}, found an error of {searched.bound:.6g} at "
            f"{point_text(worst[0])}, above its {claim.bound:.6g}"
        )
    # The same cells come out the same up to rounding, but not in the last digit on every machine.
    goal, cells = claim.bound * (1 + MACHINES), min(_MOST_CELLS, _CELLS * claim.points + _SOME_CELLS)
    try:
        proved = certify(
            again.flow, again.target, "rigorous", again.seed, claim.dtype, goal=goal, max_cells=cells
        )
    except ValueError as error:
        raise CertificateRefused(f"it cannot be proved: {error}") from None
    if not proved.bound <= goal:
        raise CertificateRefused(f"only {proved.bound:.6g} can be proved, not its {claim.bound:.6g}")
    for output, (bound, stated) in enumerate(zip(proved.per_output, claim.per_output)):
        if not bound <= (1 + PART) * stated:
            raise CertificateRefused(
                f"of output {output} only a bound of {bound:.6g} can be proved, not its {stated:.6g}"
            )
    return (
        f"With {proved.points} cells a bound of {proved.bound:.4g} is proved; {len(x) - 1} fresh points, "
        f"with seed {again.seed}, have errors up to {errors[1:, 0].max():.4g}."
    )


def _by_points(again: Measurement) -> str:
    claim = again.certificate
    assert claim.coverage is not None
    own = _at_its_own_points(again)
    x, errors = again.fresh[0][1:], again.fresh[1][1:]
    exceeding = again.above(x, errors, again.claims).sum(axis=0).tolist()
    # As many tests as bounds: each of them errs this much more rarely.
    confidence = 1 - (1 - _CONFIDENCE) / len(again.claims)
    for column, number in enumerate(exceeding):
        if smallest_fraction(number, len(x), confidence) > 1 - claim.coverage:
            worst = int(np.argmax(errors[:, column]))
            raise CertificateRefused(
                f"{number} of {len(x)} new points, with seed {again.seed}, have an error {in_output(column)}"
                f"above its bound of {again.claims[column]:.6g}, too many for a fraction "
                f"{1 - claim.coverage:.2g} of the box; the largest is {errors[worst, column]:.6g} at "
                f"{point_text(x[worst])}"
            )
    return (
        f"At its own points {own} of {claim.points} errors are above the bound; of {len(x)} fresh ones, with "
        f"seed {again.seed}, {exceeding[0]} are."
    )


def _at_its_own_points(again: Measurement) -> int:
    """How many of them have an error above the bound. Raises CertificateRefused if it allows fewer."""
    claim = again.certificate
    assert claim.solver_error is not None
    exceeding, largest = np.zeros(len(again.claims), dtype=np.int64), 0.0
    for x in fresh_points(again.target, claim.points, claim.seed):
        errors = again.errors(x)
        exceeding += again.above(x, errors, again.claims).sum(axis=0)
        worst = int(np.argmax(errors[:, 0]))
        if errors[worst, 0] > _most(again, x[worst]):
            largest = max(largest, float(errors[worst, 0]))
    if largest:
        raise CertificateRefused(
            f"at its own points the largest error comes out as {largest:.6g} or more, not {claim.largest:.6g}"
        )
    allowed = _allowance(claim)
    for column, number in enumerate(exceeding.tolist()):
        if number > allowed:
            raise CertificateRefused(
                f"at {number} of its own {claim.points} points an error {in_output(column)}above its bound "
                f"of {again.claims[column]:.6g} comes out; it allows {allowed}"
            )
    solver_error = float(again.solver_error.max())
    if solver_error > _FACTOR * claim.solver_error + PART * claim.bound:
        raise CertificateRefused(
            f"the solver's own error is about {solver_error:.2g}, not {claim.solver_error:.2g}"
        )
    return int(exceeding[0])
