"""`vanillaflow verify`: does a property hold for the flow of an ODE?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import VanillaflowError
from .network_argument import read_network
from .option_values import complete_dialect, known_dialect, positive
from .outputs import require_output
from .progress import progress
from .result import Precision
from .system_argument import SYSTEM, read_target
from .text import box_text, one_line, rows, size_text

if TYPE_CHECKING:
    from ..certificates import Certificate
    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow
    from ..target import Target
    from ..verification import Property, Verdict

_SUFFIXES = (".onnx", ".vnnlib", ".json")
_CODES = {"holds": 0, "violated": 1, "unknown": 3}


def verify_system(
    system: Annotated[str, SYSTEM],
    property_file: Annotated[
        Path,
        typer.Option(
            "--property",
            "-p",
            metavar="FILE",
            help="A VNN-LIB file: bounds of the starting point X_0, X_1, ..., and what its image Y_0, Y_1, "
            "... must not be.",
        ),
    ],
    network: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A .onnx or .safetensors file of the system; by default it is compiled."
        ),
    ] = None,
    tol: Annotated[
        float,
        typer.Option(help="Compile to this error, if no network is given.", callback=positive),
    ] = 1e-2,
    dialect: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of the network that is written to FILE.onnx.",
            autocompletion=complete_dialect,
        ),
    ] = "leaky_relu",
    dtype: Annotated[Precision, typer.Option(help="Its precision.")] = Precision.float64,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write this file; give it again for more. FILE.onnx is the network, with its certificate "
            "inside; FILE.vnnlib the property with the network's error added: a verifier that proves it of "
            "the network has proved the property of the ODE. FILE.json is the certificate.",
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Give up after about this long, without the proof of the network.",
            callback=positive,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the compilation and all points.")] = 0,
) -> int:
    """Decide whether a property holds for every trajectory of a system, as a theorem.

    The network's error against the exact flow is proved first, and added to the property; then a branch and
    bound proves it of the network, or a starting point is found whose trajectory violates it, which a
    validated integrator proves. Exit code: 0 if it holds, 1 if it is violated, 3 if neither was found.

    \b
    Examples:
      vanillaflow verify pendulum --property safe.vnnlib --tol 5e-2
      vanillaflow verify pendulum -p safe.vnnlib --network pendulum.onnx
      vanillaflow verify mine.toml -p safe.vnnlib -o mine.onnx -o mine.vnnlib
    """
    outputs = output or []
    for path in outputs:
        require_output(path, _SUFFIXES)
    known_dialect(dialect)
    from ..verification import read_vnnlib, verify

    prop, target = read_vnnlib(property_file), read_target(system)
    _require_fit(prop, target)
    with progress(f"verifying {target.name}") as report:
        flow, precision = _read_or_compile(network, target, tol, seed, report)
        if any(path.suffix.lower() == ".onnx" for path in outputs):
            flow, precision = _as_file(flow, precision, dialect, dtype)
        certificate = _prove(flow, target, precision, seed, report)
        verdict = verify(flow, target, prop, certificate, max_seconds=max_seconds or float("inf"), seed=seed)
    for path in outputs:
        _write(path, flow, precision, prop, certificate)
    print(f"{one_line(prop.name)}: {verdict.status} for {one_line(target.name)}\n")
    print(rows(_summary(verdict, certificate, outputs)))
    return _CODES[verdict.status]


def _require_fit(prop: Property, target: Target) -> None:
    """Raise VanillaflowError before any work, if the property cannot be one of this flow."""
    from ..verification.margins import require_within

    if (prop.inputs, prop.outputs) != (target.dim, target.dim):
        raise VanillaflowError(
            f"the property has {prop.inputs} inputs and {prop.outputs} outputs, {target.name} has "
            f"{target.dim} coordinates"
        )
    try:
        for unsafe in prop.unsafe:
            require_within(unsafe.box, target.domain)
    except ValueError as error:
        raise VanillaflowError(str(error)) from None


def _read_or_compile(
    network: Path | None, target: Target, tol: float, seed: int, report: Callable[[str], None]
) -> tuple[PlanarFlow | FeedforwardNetwork, str]:
    """The flow or network, and the precision in which it computes."""
    if network is not None:
        return read_network(network)
    from ..compiler import compile as compile_flow

    return compile_flow(target, tol, seed=seed, report=report), "float64"


def _as_file(
    flow: PlanarFlow | FeedforwardNetwork, precision: str, dialect: str, dtype: Precision
) -> tuple[FeedforwardNetwork, str]:
    """The network that is written: what is proved is proved of it."""
    from ..network.feedforward import FeedforwardNetwork

    if isinstance(flow, FeedforwardNetwork):
        return flow, precision
    try:
        return flow.to_network(dialect), dtype.value
    except ValueError as error:
        raise VanillaflowError(str(error)) from None


def _prove(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    precision: str,
    seed: int,
    report: Callable[[str], None],
) -> Certificate:
    from ..certificates import certify

    try:
        certificate = certify(flow, target, "rigorous", seed=seed, dtype=precision)
    except VanillaflowError:
        raise
    except ValueError as wrong:
        raise VanillaflowError(str(wrong)) from None
    report(certificate.statement)
    return certificate


def _write(
    path: Path,
    flow: PlanarFlow | FeedforwardNetwork,
    precision: str,
    prop: Property,
    certificate: Certificate,
) -> None:
    from ..network.feedforward import FeedforwardNetwork
    from ..verification import write_vnnlib

    match path.suffix.lower():
        case ".onnx":
            assert isinstance(flow, FeedforwardNetwork)
            flow.to_onnx(path, precision, certificate=certificate)
        case ".vnnlib":
            write_vnnlib(prop.widened(certificate.per_output), path)
        case _:
            certificate.save(path)


def _summary(verdict: Verdict, certificate: Certificate, outputs: list[Path]) -> list[tuple[str, str]]:
    margin = ", ".join(f"{value:.3g}" for value in verdict.margin)
    return [
        ("verdict", verdict.statement),
        ("margin", f"{margin}: the network's error in each output, proved"),
        ("box", f"{box_text(certificate.box)}, of the network"),
        ("duration", f"{certificate.duration:g}"),
        ("cells", str(verdict.cells)),
        ("time", f"{verdict.seconds:.2f} s, and {certificate.seconds:.1f} s to prove the margin"),
        *[("written", f"{path} ({size_text(path.stat().st_size)})") for path in outputs],
    ]
