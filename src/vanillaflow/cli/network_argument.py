"""NETWORK: a file of vanillaflow, with the precision in which its network computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileFormatError

if TYPE_CHECKING:
    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow


def read_network(path: Path) -> tuple[PlanarFlow | FeedforwardNetwork, str]:
    """The flow or network of the file, and its dtype. Raises as the readers do, and FileFormatError for
    another name than *.onnx or *.safetensors."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from ..export.onnx import network_from_onnx, read_onnx_metadata

        return network_from_onnx(path), read_onnx_metadata(path)["dtype"]
    if suffix == ".safetensors":
        from ..export.safetensors import load

        return load(path), "float64"
    raise FileFormatError(f"cannot read {str(path)!r}: its name must end in .safetensors or .onnx")
