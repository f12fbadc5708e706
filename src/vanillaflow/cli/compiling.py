"""`vanillaflow compile`: a system and a tolerance become network files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..constructions.registry import CONSTRUCTIONS
from ..errors import CompilationInterrupted, ToleranceNotReached
from ..export.file_kinds import FILE_KINDS
from ..network.dialects import DIALECTS
from .interruption import saved_best
from .option_values import (
    complete_dialect,
    complete_effort,
    complete_method,
    effort_value,
    fraction,
    known_dialect,
    known_method,
    positive,
)
from .outputs import require_output
from .progress import progress
from .result import Precision, Request, Result, lower_flow, measure
from .system_argument import SYSTEM, read_target
from .text import one_line, rows, size_text

if TYPE_CHECKING:
    from ..certificates.certificate import Finding
    from ..target import Target

# The exported network is measured at other points than the compiler's. Where the error then comes out above
# the tolerance, by a hair, the second of these fractions of the tolerance leaves room.
_AIM = (1.0, 0.95)


def compile_system(
    system: Annotated[str, SYSTEM],
    tol: Annotated[
        float,
        typer.Option(
            help="The largest allowed error over the box, in units of the state.", callback=positive
        ),
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write this file; give it again for more. "
            + "; ".join(f"FILE{suffix} is {kind.summary}" for suffix, kind in FILE_KINDS.items())
            + ".",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to construct the flow. The first is the default. "
            + "; ".join(f"{name}: {entry.summary}" for name, entry in CONSTRUCTIONS.items())
            + ".",
            autocompletion=complete_method,
        ),
    ] = None,
    effort: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|S",
            help="What anytime spends on fewer kinks once it is within the tolerance. The first is the "
            "default. normal: some seconds; fast: nothing; small: all it takes, minutes for hundreds of "
            "kinks; or until so many seconds have passed.",
            autocompletion=complete_effort,
            callback=effort_value,
        ),
    ] = None,
    dialect: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What the network's activations are. "
            + "; ".join(f"{name}: {known.summary}" for name, known in DIALECTS.items())
            + ". leaky_relu(ALPHA) is the same as --slope ALPHA.",
            autocompletion=complete_dialect,
        ),
    ] = "leaky_relu",
    slope: Annotated[
        float | None,
        typer.Option(
            metavar="ALPHA",
            help="One slope within (0, 1) for every layer; by default each has its own. Takes more layers.",
            callback=fraction,
        ),
    ] = None,
    dtype: Annotated[
        Precision, typer.Option(help="Precision of the network in ONNX, C or Python.")
    ] = Precision.float32,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Seed of every sample; the same seed gives the same network."),
    ] = None,
    max_kinks: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Give up beyond this many planar maps.")
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Give up after about this long.", callback=positive),
    ] = None,
) -> None:
    """Compile a system into a network whose error over the system's box is at most TOL.

    Without -o it only says what the network would be. The error is measured by sampling and a local search.
    Ctrl-C ends it early: files are then written with the best so far, whatever its error, if there is any.

    \b
    Examples:
      vanillaflow compile pendulum --tol 1e-1
      vanillaflow compile pendulum --tol 5e-2 -o pendulum.onnx -o pendulum.c
      vanillaflow compile mine.toml --tol 1e-1 -o mine.safetensors
    """
    start = perf_counter()
    outputs = output or []
    for path in outputs:
        require_output(path, FILE_KINDS)
    dialect, slope = known_dialect(dialect, slope)
    target = read_target(system)
    request = Request(tol, dtype, dialect, slope, seed or 0)
    options = {
        "method": known_method(method),
        "slope": slope,
        "effort": effort,
        "seed": seed,
        "max_kinks": max_kinks,
        "max_seconds": max_seconds,
    }
    options = {name: value for name, value in options.items() if value is not None}
    with progress(f"compiling {target.name} to {tol:g}") as report:
        try:
            result, certificate = compile_and_measure(target, request, report, options)
        except CompilationInterrupted as interruption:
            raise saved_best(interruption, target, request, outputs) from None
        for path in outputs:
            result.write(path)
    print(f"{one_line(target.name)}: a vanilla network of width {result.network.width}\n")
    print(rows(_summary(result, certificate, target, outputs, perf_counter() - start)))


def compile_and_measure(
    target: Target, request: Request, report: Callable[[str], None], options: dict[str, Any]
) -> tuple[Result, Finding]:
    """Compile, and measure what will be exported. ToleranceNotReached if that is above the tolerance;
    CompilationInterrupted on Ctrl-C once there is a flow."""
    from ..compiler import compile as compile_flow

    flow, certificate = None, None
    try:
        for aim in _AIM:
            flow = compile_flow(target, aim * request.tol, report=report, **options)
            result, certificate = measure(lower_flow(flow, request), target, request.seed)
            report(f"measured the {request.dtype} network: {certificate}")
            if certificate.bound <= request.tol:
                return result, certificate
    except ToleranceNotReached as refusal:
        if flow is None:
            raise _advise(refusal, options) from None
    except KeyboardInterrupt:
        if flow is None or flow.provenance is None or flow.provenance.error is None:
            raise
        # In float64 this flow is within the tolerance, which one that was interrupted since hardly is.
        raise CompilationInterrupted(flow, flow.provenance.error) from None
    assert certificate is not None
    raise ToleranceNotReached(
        f"the {request.dtype} network has error {certificate.bound:.4g}, above the tolerance {request.tol:g}"
        + ("; try --dtype float64" if request.dtype is Precision.float32 else ""),
        flow,
        certificate.bound,
    )


def _advise(refusal: ToleranceNotReached, options: dict[str, Any]) -> ToleranceNotReached:
    """The refusal with the options that help. A little above its error, the best flow is found again."""
    tol = "a larger --tol" if refusal.flow is None else f"--tol {1.05 * refusal.error:.2g}"
    limits = "--max-kinks or --max-seconds" if "max_seconds" in options else "--max-kinks"
    return ToleranceNotReached(
        f"{refusal}; try {tol}, or a larger {limits}", refusal.flow, refusal.error, refusal.needed
    )


def _summary(
    result: Result, certificate: Finding, target: Target, outputs: list[Path], seconds: float
) -> list[tuple[str, str]]:
    from ..display.describe import flow_rows, network_rows, origin_rows

    provenance = result.flow.provenance
    assert provenance is not None and provenance.error is not None
    path = provenance.path[-1][0] if provenance.path else ""
    return [
        *origin_rows(provenance, target.domain),
        *network_rows(result.network),
        *flow_rows(result.flow),
        ("packing", f"{result.flow.kinks} kinks in {result.network.depth} layers"),
        ("method", provenance.method + (f": {path}" if path else "")),
        ("tolerance", f"{provenance.tolerance:g}"),
        ("error", f"{provenance.error:.4g} for the flow, in float64"),
        ("", f"{certificate.bound:.4g} for the network, in {result.dtype}"),
        (
            "",
            f"sampled: largest of {certificate.points} points and a local search; "
            "a lower bound of the supremum",
        ),
        ("time", f"{seconds:.1f} s"),
        *[("written", f"{path} ({size_text(path.stat().st_size)})") for path in outputs],
    ]
