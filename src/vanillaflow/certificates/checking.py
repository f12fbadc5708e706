"""Is a certificate true of this network and this system? Everything that it says is found again, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ..errors import CertificateRefused
from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from ..target import FlowMap
from . import certify, evaluated
from .binomial import smallest_fraction
from .certificate import Certificate
from .fingerprints import network_hash, system_hash
from .sampled import absolute_errors
from .statistical import fresh_points

# Two evaluations of one error may differ by this much of it, and of the values this many units of rounding:
# other machines sum in another order, and the solver chooses its steps for a batch, not for a point.
_RELATIVE, _UNITS = 1e-3, 200
# Searches from other points come this close to the same maximum, or closer. A heuristic.
_SEARCH = 1.05


def check(
    certificate: Certificate,
    flow: PlanarFlow | FeedforwardNetwork,
    target: FlowMap,
    dtype: str = "float64",
    seed: int | None = None,
) -> Certificate:
    """Refuse the certificate unless it is one of this flow and this target and what it says is found again.

    Compared are the hashes, the box, the duration and the precision, and the error at its worst point. Then the
    errors are measured again: for "sampled" by a new search, which must not find a notably larger one; for
    "statistical" at the same points, where the bounds must not come out larger, and at as many new ones, of
    which not significantly more may exceed the bound than it allows, with its own confidence. Without `seed` the
    new points are such that nobody could know them before.

    Returns the certificate of the new measurement, with the same confidence and coverage.
    Raises CertificateRefused, saying what does not hold; ValueError as `certify` does.
    """
    _require_same(certificate, flow, target, dtype)
    f = evaluated(flow, dtype)
    slack = _slack(certificate, f, target)
    at_worst = float(absolute_errors(f(certificate.worst_point[None]), target(certificate.worst_point[None])).max())
    if abs(at_worst - certificate.largest) > slack:
        raise CertificateRefused(
            f"the error at the worst point is {at_worst:.6g}, not {certificate.largest:.6g} as certified"
        )
    if certificate.method == "sampled":
        again = certify(flow, target, "sampled", seed, dtype)
        if again.bound > _SEARCH * certificate.bound + slack:
            raise CertificateRefused(
                f"an error of {again.bound:.6g} was found, above the {certificate.bound:.6g} certified"
            )
        return again
    options = {name: getattr(certificate, name) for name in ("points", "confidence", "coverage")}
    try:
        same = certify(flow, target, "statistical", certificate.seed, dtype, **options)
    except ValueError as error:
        raise CertificateRefused(f"no measurement shows what it says: {error}") from None
    found = np.append(same.per_output, [same.bound, same.largest])
    certified = np.append(certificate.per_output, [certificate.bound, certificate.largest])
    if np.any(found > certified + slack):
        i = int(np.argmax(found - certified))
        raise CertificateRefused(
            f"at its own points an error of {found[i]:.6g} comes out where {certified[i]:.6g} is certified"
        )
    again = certify(flow, target, "statistical", seed, dtype, **options)
    _require_rare(certificate, f, target, again.seed, certificate.bound + slack)
    return again


def _require_same(
    certificate: Certificate, flow: PlanarFlow | FeedforwardNetwork, target: FlowMap, dtype: str
) -> None:
    """Raise CertificateRefused if it is about something else."""
    if certificate.dtype != dtype:
        raise CertificateRefused(f"it is of a network in {certificate.dtype}, and this one is in {dtype}")
    if certificate.network_hash != network_hash(flow, dtype):
        raise CertificateRefused("it belongs to another network: the numbers of this one have another hash")
    if certificate.box != target.domain:
        raise CertificateRefused("it is for another box of starting points than that of this system")
    if certificate.duration != target.duration:
        raise CertificateRefused(
            f"it is for the duration {certificate.duration:g}; that of this system is {target.duration:g}"
        )
    if certificate.system_hash != system_hash(target):
        raise CertificateRefused(
            f"it belongs to another system, {certificate.system!r}: the field of this one has another hash"
        )


def _slack(certificate: Certificate, f: Callable[[np.ndarray], np.ndarray], target: FlowMap) -> float:
    """How far two evaluations of the certified errors may be apart."""
    x = np.concatenate([certificate.worst_point[None], target.domain.center[None]])
    size = max(float(np.abs(f(x)).max()), float(np.abs(x).max()))
    rounding = _UNITS * float(np.finfo(certificate.dtype).eps) * size
    return _RELATIVE * certificate.largest + rounding + 2 * (certificate.solver_error or 0.0)


def _require_rare(
    certificate: Certificate,
    f: Callable[[np.ndarray], np.ndarray],
    target: FlowMap,
    seed: int,
    bound: float,
) -> None:
    """Raise CertificateRefused if, with the certificate's confidence, its claim is false at new points."""
    assert certificate.coverage is not None
    exceeding = sum(_exceeding(f, target, x, bound) for x in fresh_points(target, certificate.points, seed))
    allowed = 1 - certificate.coverage
    if smallest_fraction(exceeding, certificate.points, certificate.confidence) > allowed:
        raise CertificateRefused(
            f"{exceeding} of {certificate.points} new points have an error above its bound of "
            f"{certificate.bound:.6g}, more than a fraction {allowed:.2g} of the box would explain"
        )


def _exceeding(
    f: Callable[[np.ndarray], np.ndarray], target: FlowMap, x: Float[np.ndarray, "n d"], bound: float
) -> int:
    return int(np.sum(absolute_errors(f(x), target(x)).max(axis=1) > bound))
