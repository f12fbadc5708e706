"""`vanillaflow inspect`: what a saved flow or network is, how accurate, on what box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FileFormatError
from .text import one_line, rows

if TYPE_CHECKING:
    from .describe import Rows


def inspect_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .safetensors or .onnx file of vanillaflow.")
    ],
) -> None:
    """Say what a saved flow or network is, how accurate, and on what box.

    Everything shown stands in the file; nothing is measured again.

    Example:  vanillaflow inspect pendulum.onnx
    """
    suffix = file.suffix.lower()
    if suffix == ".onnx":
        kind, described = _onnx(file)
    elif suffix == ".safetensors":
        kind, described = _safetensors(file)
    else:
        raise FileFormatError(f"cannot inspect {str(file)!r}: its name must end in .safetensors or .onnx")
    print(f"{one_line(str(file))}: {kind}\n")
    print(rows(described))


def _onnx(file: Path) -> tuple[str, Rows]:
    from ..export.onnx import network_from_onnx, read_onnx_metadata
    from .describe import accuracy_rows, network_rows, origin_rows

    network = network_from_onnx(file)
    dtype = read_onnx_metadata(file)["dtype"]
    return f"a vanilla network in ONNX, {dtype}", [
        *origin_rows(network.provenance, network.domain),
        *network_rows(network),
        *accuracy_rows(network.provenance),
    ]


def _safetensors(file: Path) -> tuple[str, Rows]:
    from ..export.safetensors import load
    from ..network import FeedforwardNetwork
    from .describe import accuracy_rows, flow_rows, network_rows, origin_rows

    thing = load(file)
    if isinstance(thing, FeedforwardNetwork):
        kind, shape = "a vanilla network, float64", network_rows(thing)
    else:
        # Without a domain there is no network to speak of.
        lowered = [] if thing.domain is None else network_rows(thing.to_network())
        kind, shape = "a planar flow, float64", flow_rows(thing) + lowered
    return kind, [
        *origin_rows(thing.provenance, thing.domain),
        *shape,
        *accuracy_rows(thing.provenance),
    ]
