"""The kinds of files by how their names end: one line each. Nothing is imported before it is written."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow


@dataclass(frozen=True)
class FileKind:
    """What writes a kind of file, as `module:function` of this folder, and what is in it, in a clause.

    The function is called with the network, the path and the precision; for `of_flow` with the flow and the
    path, as such a file holds all digits.
    """

    writer: str
    summary: str
    of_flow: bool = False

    def write(
        self, flow: PlanarFlow, network: FeedforwardNetwork, path: str | PathLike[str], dtype: str
    ) -> None:
        module, function = self.writer.split(":")
        write = getattr(import_module(f"{__package__}.{module}"), function)
        if self.of_flow:
            write(flow, path)
        else:
            write(network, path, dtype)


FILE_KINDS = {
    ".onnx": FileKind("onnx:write_onnx", "the network, for any runtime"),
    ".c": FileKind("c:write_c", "the same as a function of C99"),
    ".py": FileKind("numpy_module:write_numpy", "as a module that needs NumPy only"),
    ".safetensors": FileKind(
        "safetensors:save_planar_flow", "the flow, exact and invertible, for vanillaflow.load", of_flow=True
    ),
}
