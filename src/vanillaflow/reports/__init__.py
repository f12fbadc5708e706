"""A report: one HTML file that shows what a compiled flow does, and how well it is known.

The page works offline and loads nothing: the maps' numbers are in it, and its scripts evaluate them. Python
measures and writes (`contents`, `page_data`, `page`); the scripts are in `scripts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..certificates import Certificate, known_seed
from ..constructions.chain import FlowChain
from ..errors import OutputError
from ..files import require_writable, write_atomically
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..systems.system import System
from ..target import Target

if TYPE_CHECKING:
    from os import PathLike

ENDINGS = (".html", ".htm")


def report(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target | System,
    path: str | PathLike[str],
    certificate: Certificate | None = None,
    pairs: Sequence[Sequence[int]] | None = None,
    *,
    dialect: str = "leaky_relu",
    dtype: str = "float64",
    seed: int = 0,
    command: Sequence[str] | None = None,
    compile_seed: int | None = None,
) -> None:
    """Write one self-contained HTML file about `flow` beside the exact flow of `target`.

    It shows the box's grid after every planar map, the kinks among the starting points, trajectories of
    points that the reader chooses, the error over the box, the error along the compilation, the layers, the
    certificate and how to reproduce it. Every picture is drawn by the page from the numbers of the maps; the
    exact flow and the error are computed here, with the solver of `target`.

    Parameters
    ----------
    flow
        What `compile` returns, or a network; a network's layers are shown as the planar maps they are.
    target
        The exact flow. A System also has equations and names of its coordinates to show.
    path
        A name that ends in .html.
    certificate
        A certificate of this flow or network; by default a sampled one is made.
    pairs
        The pairs of coordinates to draw slices in, counted from 0, for more than two dimensions; by default
        the first three, and the first coordinate with that of the second half.
    dialect
        The dialect of the network whose layers are listed, where `flow` is a PlanarFlow.
    dtype
        The precision in which the error of a network is measured, as that of its file.
    seed
        The seed of the certificate's points.
    command
        How to reproduce the report: the words of a command line after `vanillaflow`.
    compile_seed
        The seed of the compilation, which a flow does not know; shown with the command.

    Raises
    ------
    ValueError
        If the dimensions or boxes do not fit, and for a bad pair, dialect, dtype or seed.
    VanillaflowError
        For a network that cannot be shown as planar maps.
    CertificateRefused
        For a certificate of another network.
    OutputError
        If the file cannot be written, which is known before anything is computed.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        raise OutputError(f"cannot write {str(path)!r}: the name of a report must end in .html")
    require_writable(path)
    if not isinstance(flow, PlanarFlow | FeedforwardNetwork):
        hint = "; report on one of its flows, chain[k]" if isinstance(flow, FlowChain) else ""
        raise ValueError(
            f"a report is about a PlanarFlow or FeedforwardNetwork, got {type(flow).__name__}{hint}"
        )
    if not isinstance(target, Target | System):
        raise ValueError(f"target must be a FlowMap or System, got {type(target).__name__}")
    from .contents import gather
    from .page import page

    contents = gather(flow, target, certificate, pairs, dialect, dtype, known_seed(seed))
    text = page(contents, None if command is None else list(command), compile_seed)
    # Names of files may hold surrogates, for which UTF-8 has no bytes.
    write_atomically(path, text.encode(errors="backslashreplace"))
