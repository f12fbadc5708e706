"""A compiled flow as the command line hands it over: lowered, and measured as it will be exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VanillaflowError
from ..export.file_kinds import FILE_KINDS

if TYPE_CHECKING:
    from ..certificates.certificate import Finding
    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow
    from ..target import Target


class Precision(StrEnum):
    float32 = "float32"
    float64 = "float64"


@dataclass(frozen=True)
class Request:
    """What the user asked for: tolerance, precision and dialect of the network, the one slope, if any, of its
    layers."""

    tol: float
    dtype: Precision
    dialect: str
    slope: float | None
    seed: int


@dataclass(frozen=True)
class Result:
    """A compiled flow and its network."""

    flow: PlanarFlow
    network: FeedforwardNetwork
    dtype: Precision

    def write(self, path: Path) -> None:
        """The kind of file that the name says, which must end as one of FILE_KINDS."""
        FILE_KINDS[path.suffix.lower()].write(self.flow, self.network, path, self.dtype)


def lower_flow(flow: PlanarFlow, request: Request) -> Result:
    if flow.provenance is not None:
        flow = flow.with_provenance(replace(flow.provenance, tolerance=request.tol))
    return Result(flow, flow.to_network(request.dialect, request.slope), request.dtype)


def measure(result: Result, target: Target, seed: int) -> tuple[Result, Finding]:
    """The error of the network in the precision of the export, and the result that tells it in its file."""
    from ..certificates.sampled import certify_sampled
    from ..network.precision import in_precision

    network = result.network
    try:
        certificate = certify_sampled(in_precision(network, result.dtype), target, seed=seed + 2)
    except ValueError as overflow:  # A number that the precision cannot hold.
        raise VanillaflowError(str(overflow)) from None
    if network.provenance is not None:
        # The file says of itself the larger of what was found in float64 and in its own precision.
        error = max(network.provenance.error or 0.0, certificate.bound)
        network = replace(network, provenance=replace(network.provenance, error=error))
    return replace(result, network=network), certificate
