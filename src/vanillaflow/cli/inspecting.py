"""`vanillaflow inspect`: what a saved flow or network is, how accurate, on what box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FileFormatError, VanillaflowError
from .text import box_text, one_line, rows

if TYPE_CHECKING:
    from ..certificates import Certificate
    from ..display.describe import Rows
    from ..network.feedforward import FeedforwardNetwork


def inspect_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .safetensors or .onnx file of vanillaflow.")
    ],
    precision: Annotated[
        bool,
        typer.Option(
            "--precision",
            help="Measure how much the outputs change, over the box, in float32, float16, bfloat16 and int8.",
        ),
    ] = False,
) -> None:
    """Say what a saved flow or network is, how accurate, and on what box.

    Everything shown stands in the file; nothing is measured again, unless you ask for --precision.

    \b
    Examples:
      vanillaflow inspect pendulum.onnx
      vanillaflow inspect pendulum.safetensors --precision
    """
    network: FeedforwardNetwork | None
    suffix = file.suffix.lower()
    if suffix == ".onnx":
        kind, network, described = _onnx(file)
    elif suffix == ".safetensors":
        kind, network, described = _safetensors(file)
    else:
        raise FileFormatError(f"cannot inspect {str(file)!r}: its name must end in .safetensors or .onnx")
    if precision:
        described += _precision(file, network)
    print(f"{one_line(str(file))}: {kind}\n")
    print(rows(described))


def _onnx(file: Path) -> tuple[str, FeedforwardNetwork, Rows]:
    from ..display.describe import accuracy_rows, network_rows, origin_rows
    from ..export.onnx import network_from_onnx, read_onnx_metadata

    network, metadata = network_from_onnx(file), read_onnx_metadata(file)
    described = [
        *origin_rows(network.provenance, network.domain),
        *network_rows(network),
        *accuracy_rows(network.provenance),
        *_certificate_rows(metadata.get("certificate")),
    ]
    return f"a vanilla network in ONNX, {metadata['dtype']}", network, described


def _certificate_rows(certificate: Certificate | None) -> Rows:
    """What the certificate says, and of which system: not always the one that the network was made for."""
    if certificate is None:
        return []
    about = (
        f"It is about the system {certificate.system} on the box {box_text(certificate.box)} over the "
        f"duration {certificate.duration:g}, and not checked here: see vanillaflow certify --check."
    )
    return [("certificate", certificate.statement), ("", about)]


def _safetensors(file: Path) -> tuple[str, FeedforwardNetwork | None, Rows]:
    from ..display.describe import accuracy_rows, flow_rows, network_rows, origin_rows
    from ..export.safetensors import load
    from ..network.feedforward import FeedforwardNetwork

    thing = load(file)
    network: FeedforwardNetwork | None
    if isinstance(thing, FeedforwardNetwork):
        kind, network, shape = "a vanilla network, float64", thing, network_rows(thing)
    else:
        # Without a domain there is no network to speak of.
        network = None if thing.domain is None else thing.to_network()
        lowered = [] if network is None else network_rows(network)
        kind, shape = "a planar flow, float64", flow_rows(thing) + lowered
    described = [
        *origin_rows(thing.provenance, thing.domain),
        *shape,
        *accuracy_rows(thing.provenance),
    ]
    return kind, network, described


def _precision(file: Path, network: FeedforwardNetwork | None) -> Rows:
    from ..display.describe import precision_rows
    from ..export.precision import precision_errors

    if network is None or network.domain is None:
        raise VanillaflowError(f"{str(file)!r} records no box over which a precision could be measured")
    try:
        return precision_rows(precision_errors(network))
    except ValueError as overflow:  # A number that float32 cannot hold.
        raise VanillaflowError(str(overflow)) from None
