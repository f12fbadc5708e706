"""What a network is known to be off from the flow: the margin that carries a verdict over to the ODE."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..certificates import Certificate, certify
from ..certificates.fingerprints import network_hash, system_hash
from ..enclosures.bisection import Enclosure
from ..enclosures.images import enclosure_of
from ..errors import CertificateRefused, VanillaflowError
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..target import Target


def prove(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    certificate: Certificate | None,
    dtype: str = "float64",
) -> tuple[Certificate, Enclosure]:
    """A rigorous certificate of the flow, that given or a new one, and the forms of the flow over cells.

    One that is given is believed, as long as it is of this flow and this target: `Certificate.check` proves
    it again. Raises CertificateRefused, saying why, if it is not, or is no rigorous one.
    """
    if certificate is None:
        certificate = certify(flow, target, "rigorous", dtype=dtype)
    if certificate.method != "rigorous":
        raise CertificateRefused(
            f"a verdict needs a rigorous certificate, and this one is {certificate.method}: it bounds nothing"
        )
    if certificate.network_hash != network_hash(flow, certificate.dtype):
        raise CertificateRefused("it belongs to another network: the numbers of this one have another hash")
    if certificate.system_hash != system_hash(target):
        raise CertificateRefused(
            f"it belongs to another system, {certificate.system!r}, or to another box or duration"
        )
    if not np.isfinite(certificate.bound):
        raise VanillaflowError("no finite error bound could be proved of the network, so it says nothing")
    return certificate, enclosure_of(flow, certificate.dtype)


def require_within(box: Box, domain: Box) -> None:
    """Raise ValueError if the box of starts reaches out of the box that was certified."""
    if box.dim != domain.dim:
        raise ValueError(f"the box of starts has dimension {box.dim}, the system {domain.dim}")
    for i in range(box.dim):
        if box.low[i] < domain.low[i] or box.high[i] > domain.high[i]:
            raise ValueError(
                f"the box of starts reaches out of that of the system in coordinate {i}: "
                f"[{box.low[i]:g}, {box.high[i]:g}] is not within [{domain.low[i]:g}, {domain.high[i]:g}]"
            )


def margin_of(certificate: Certificate) -> Float[np.ndarray, " d"]:
    """(d,) what each output of the network may be off."""
    return np.asarray(certificate.per_output)
