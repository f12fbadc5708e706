"""`vanillaflow report`: one HTML file that shows a network beside its system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CompilationInterrupted, VanillaflowError
from .certifying import certificate_of, require_fit
from .compiling import compile_and_measure
from .completion import complete_system
from .interruption import Interrupted
from .network_argument import read_network
from .option_values import complete_dialect, complete_method, known_dialect, known_method, positive
from .outputs import require_output
from .progress import progress
from .result import Precision, Request
from .system_argument import read_system, target_of
from .text import one_line, rows, size_text

if TYPE_CHECKING:
    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow
    from ..target import Target

_TOL = 1e-2
_FILES = (".onnx", ".safetensors")


def report_on_system(
    first: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK|SYSTEM",
            help="A .onnx or .safetensors file of vanillaflow, with its SYSTEM behind it; or a SYSTEM alone, "
            "which is compiled: a name from `vanillaflow zoo list`, a TOML file of equations, or "
            "package.module:object.",
            autocompletion=complete_system,
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(metavar="SYSTEM", help="The system of NETWORK.", autocompletion=complete_system),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="Write the report to this file.")
    ] = Path("report.html"),
    tol: Annotated[
        float | None,
        typer.Option(help=f"Compile to this error (default: {_TOL:g}).", callback=positive),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="How to construct the flow, as in compile.", autocompletion=complete_method
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the network whose layers are listed (default: leaky_relu).",
            autocompletion=complete_dialect,
        ),
    ] = None,
    max_kinks: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Give up beyond this many planar maps.")
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Give up after about this long.",
            callback=positive,
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Show this certificate of NETWORK, or the one inside this .onnx file; by default the error "
            "is sampled.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the compilation and all points.")] = 0,
) -> None:
    """Write one HTML file that shows a flow, its network and how far off it is.

    The file needs no server and loads nothing. It shows the box folded kink by kink into its image, beside
    the exact flow; trajectories of points of your choice; the error over the box, layers, certificate.

    \b
    Examples:
      vanillaflow report pendulum --tol 5e-2 -o pendulum.html
      vanillaflow report pendulum.onnx pendulum -o pendulum.html
    """
    from ..reports import ENDINGS, report

    require_output(output, ENDINGS)
    compiling = {"tol": tol, "method": method, "max_kinks": max_kinks, "max_seconds": max_seconds}
    compiling = {name: value for name, value in compiling.items() if value is not None}
    flow: PlanarFlow | FeedforwardNetwork
    named = "leaky_relu" if dialect is None else dialect
    if second is None:
        if certificate is not None:
            raise VanillaflowError("--certificate is for a network file: vanillaflow report NETWORK SYSTEM")
        if Path(first).suffix.lower() in _FILES:
            raise VanillaflowError(f"{first!r} needs its system behind it: vanillaflow report {first} SYSTEM")
        system = read_system(first)
        flow, dtype = _compile(target_of(system), {"tol": _TOL} | compiling, named, seed), "float64"
    else:
        for name in compiling:
            raise VanillaflowError(f"--{name.replace('_', '-')} is for a SYSTEM alone, which is compiled")
        flow, dtype = _read(Path(first), dialect)
        system = read_system(second)
        require_fit(flow.domain, target_of(system))
    command = ["report", *[Path(name).name for name in (first, second) if name is not None]]
    for name, value in {**compiling, "dialect": dialect, "certificate": certificate}.items():
        if value is not None:
            text = value.name if isinstance(value, Path) else str(value)
            command += [f"--{name.replace('_', '-')}", text]
    compile_seed = seed if second is None else None
    command += ["--seed", str(seed), "-o", output.name]
    with progress(f"measuring {target_of(system).name}"):
        try:
            report(
                flow, system, output, None if certificate is None else certificate_of(certificate),
                dialect=named, dtype=dtype, seed=seed, command=command, compile_seed=compile_seed,
            )  # fmt: skip
        except VanillaflowError:
            raise
        except ValueError as wrong:
            raise VanillaflowError(str(wrong)) from None
    print(f"{one_line(target_of(system).name)}: a report\n")
    print(rows([("written", f"{output} ({size_text(output.stat().st_size)}); open it in a browser")]))


def _compile(target: Target, options: dict[str, Any], dialect: str, seed: int) -> PlanarFlow:
    """The system, compiled as the command compile does, its network measured in float64."""
    known_method(options.get("method"))
    name, slope = known_dialect(dialect, None)
    tol = options.pop("tol")
    if slope is not None:
        options["slope"] = slope
    request = Request(tol, Precision.float64, name, slope, seed)
    with progress(f"compiling {target.name} to {tol:g}") as report:
        try:
            return compile_and_measure(target, request, report, options | {"seed": seed})[0].flow
        except CompilationInterrupted as interruption:
            best = f"{interruption.flow.kinks} kinks, error {interruption.error:.2g}"
            raise Interrupted(f"interrupted: the best so far has {best}; no report is written") from None


def _read(path: Path, dialect: str | None) -> tuple[PlanarFlow | FeedforwardNetwork, str]:
    """The flow or network of the file, and its precision."""
    from ..planar.flow import PlanarFlow

    flow, dtype = read_network(path)
    if dialect is not None:
        if not isinstance(flow, PlanarFlow):
            raise VanillaflowError(f"{str(path)!r} is a network and has its dialect; leave out --dialect")
        known_dialect(dialect, None)
    return flow, dtype
