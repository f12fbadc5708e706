"""What a report shows, measured once: the maps, the network, slices of the exact flow, its trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..certificates import Certificate, certify
from ..certificates.evaluation import evaluator
from ..certificates.fingerprints import network_hash, system_hash
from ..errors import CertificateRefused
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..provenance import Provenance
from ..systems.system import System
from ..target import Target
from ..text import box_text
from .frames import affine_root
from .planar_form import planar_form
from .slices import Slice, chosen_pairs, measured_slice
from .trajectories import Integrable, Stored, integrable, stored_trajectories


@dataclass(frozen=True)
class Description:
    """What a system is called: its name, its d coordinates, its equations and their constants, if known."""

    name: str
    variables: tuple[str, ...]
    equations: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything in a report.

    Attributes
    ----------
    system
        What the target is called.
    flow
        The planar maps that the page draws, one step each.
    root
        See `frames.affine_root`.
    network
        The network whose layers the page evaluates and lists.
    slices
        The planes drawn.
    ode
        The field for the page to integrate, or None; then there are `stored` trajectories, one set per slice.
    dialect
        The dialect that was asked for, which may include the one slope of all layers; None for a given
        network.
    dtype
        The precision in which the error was measured.
    seed
        The seed of the certificate's points.
    """

    system: Description
    target: Target
    flow: PlanarFlow
    root: np.ndarray | None
    network: FeedforwardNetwork
    slices: list[Slice]
    ode: Integrable | None
    stored: list[Stored]
    certificate: Certificate
    dialect: str | None
    dtype: str
    seed: int

    @property
    def provenance(self) -> Provenance | None:
        return self.network.provenance or self.flow.provenance


def gather(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target | System,
    certificate: Certificate | None,
    pairs: Sequence[Sequence[int]] | None,
    dialect: str,
    dtype: str,
    seed: int,
) -> Contents:
    """Measure what a report shows. Raises as `report` does."""
    system = _describe(target)
    if isinstance(target, System):
        target = target.target()
    if flow.dim != target.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the system has dimension {target.dim}")
    if flow.domain is None:
        flow = replace(flow, domain=target.domain)
    assert flow.domain is not None
    if not np.all(flow.domain.contains(np.stack([target.domain.low, target.domain.high]))):
        raise ValueError(
            f"the flow was made for the box {box_text(flow.domain)}; that of the system, "
            f"{box_text(target.domain)}, is not inside it"
        )
    chosen = chosen_pairs(target.dim, pairs, system.variables)
    function = evaluator(flow, dtype)
    if isinstance(flow, PlanarFlow):
        planar, network = flow, flow.to_network(dialect)
    else:
        planar, network = planar_form(flow, target.domain), flow
    if certificate is None:
        certificate = certify(flow, target, seed=seed, dtype=dtype)
    else:
        _require_about(certificate, flow, network, dtype, target)
    ode = integrable(target)
    return Contents(
        system=system,
        target=target,
        flow=planar,
        root=affine_root(planar),
        network=network,
        slices=[measured_slice(function, target, pair) for pair in chosen],
        ode=ode,
        stored=[] if ode else [stored_trajectories(target, pair) for pair in chosen],
        certificate=certificate,
        dialect=dialect if isinstance(flow, PlanarFlow) else None,
        dtype=dtype,
        seed=seed,
    )


def _describe(target: Target | System) -> Description:
    """The description, with a name for every coordinate."""
    names = tuple(f"x{i + 1}" for i in range(target.domain.dim))
    if not isinstance(target, System):
        return Description(target.name, names)
    known = target.variables if len(target.variables) == len(names) else names
    return Description(target.name, known, target.equations, target.parameters)


def _require_about(
    certificate: Certificate,
    flow: PlanarFlow | FeedforwardNetwork,
    network: FeedforwardNetwork,
    dtype: str,
    target: Target,
) -> None:
    """Raise CertificateRefused if the certificate says that it is about something else."""
    networks = {network_hash(flow, dtype), network_hash(network, "float64"), network_hash(network, "float32")}
    if certificate.network_hash not in networks:
        raise CertificateRefused("the certificate is of another network than the one reported on")
    if certificate.system_hash != system_hash(target):
        raise CertificateRefused("the certificate is of another system than the one reported on")
