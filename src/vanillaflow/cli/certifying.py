"""`vanillaflow certify`: measure a network file against its system, or check somebody's certificate of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..choices import CERTIFICATION_METHODS
from ..errors import (
    CertificateRefused,
    FileFormatError,
    ProofInterrupted,
    ToleranceNotReached,
    VanillaflowError,
)
from .completion import among
from .interruption import Interrupted
from .network_argument import read_network
from .option_values import fraction, positive
from .outputs import require_output
from .system_argument import SYSTEM, read_target
from .text import box_text, one_line, rows, size_text

if TYPE_CHECKING:
    from ..box import Box
    from ..certificates import Certificate
    from ..target import Target

# A name without an ending is taken as it is.
_SUFFIXES = (".json", "")
# What belongs to each method.
_OPTIONS = {
    "sampled": {"method", "points", "max_seconds"},
    "statistical": {"method", "points", "confidence", "coverage", "max_seconds"},
    "rigorous": {"method", "checkpoint", "max_seconds"},
}


def certify_file(
    network: Annotated[
        Path, typer.Argument(metavar="NETWORK", help="A .onnx or .safetensors file of vanillaflow.")
    ],
    system: Annotated[str, SYSTEM],
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sampled (default), statistical or rigorous.",
            autocompletion=among(CERTIFICATION_METHODS),
        ),
    ] = None,
    tol: Annotated[
        float | None,
        typer.Option(help="Fail, with exit code 1, if the error is above this.", callback=positive),
    ] = None,
    points: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Starting points to compare at.")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(metavar="C", help="Of the statistical bound (default: 0.999).", callback=fraction),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="Q",
            help="Bound the error on this part of the box, not on as much as the largest error found allows.",
            callback=fraction,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Seed of the points; by default one that nobody could know before."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.json", help="Write the certificate to this file, as JSON."
        ),
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Write the certificate into NETWORK itself, an .onnx file.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of a rigorous proof: the file from which it goes on after an interruption.",
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Give up after about this long.", callback=positive),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Check this certificate, or the one inside this .onnx file, such as NETWORK, and refuse it, "
            "with exit code 1, if it is of another network or system, or claims a smaller error than is "
            "measured again or found at fresh points.",
        ),
    ] = None,
) -> None:
    """Measure how far a network is from its system's flow, whoever made the file.

    The method sampled searches the box for the largest error, a lower bound of the supremum. The method
    statistical compares at independent random points: with the given confidence, at most a small part of the
    box has an error above the bound. The method rigorous proves a bound for the whole box, of the network in
    the precision of its file, against the exact flow; it takes equations, ridge sums or perceptrons. With
    --tol it stops as soon as that is proved.

    \b
    Examples:
      vanillaflow certify pendulum.onnx pendulum --method statistical
      vanillaflow certify pendulum.onnx pendulum -o error.json
      vanillaflow certify pendulum.onnx pendulum --check error.json
      vanillaflow certify pendulum.onnx pendulum --embed
      vanillaflow certify pendulum.onnx pendulum --check pendulum.onnx
    """
    asked: dict[str, Any] = {
        "method": method,
        "points": points,
        "confidence": confidence,
        "coverage": coverage,
    }
    asked |= {"checkpoint": checkpoint, "max_seconds": max_seconds}
    options = {name: value for name, value in asked.items() if value is not None}
    written = [name for name, given in (("output", output), ("embed", embed)) if given]
    if check is not None and (options or written):
        name = next(iter([*options, *written]))
        raise VanillaflowError(
            f"--check measures as the certificate says; leave out --{name.replace('_', '-')}"
        )
    _require_outputs(network, output, embed, checkpoint)
    flow, dtype = read_network(network)
    target = read_target(system)
    require_fit(flow.domain, target)
    if check is None:
        certificate = _certify(flow, target, seed, dtype, tol, options)
        found = ""
    else:
        certificate, found = _check(check, flow, target, seed, dtype)
    _write(certificate, network, output, embed)
    title = f"{network} against {target.name}" if check is None else f"{check} holds"
    print(f"{one_line(title)}\n")
    print(rows(_summary(certificate, network, found, output, embed)))
    if tol is not None and certificate.bound > tol:
        what = "error found" if certificate.method == "sampled" else "bound"
        raise ToleranceNotReached(
            f"the {what}, {certificate.bound:.4g}, is above the tolerance {tol:g}", error=certificate.bound
        )


def _require_outputs(network: Path, output: Path | None, embed: bool, checkpoint: Path | None) -> None:
    """Raise VanillaflowError, before anything is measured, if the certificate cannot go where it is to go."""
    from ..files import require_writable
    from ..files.inputs import note_output

    if embed and network.suffix.lower() != ".onnx":
        raise VanillaflowError(
            f"--embed writes into .onnx files, and {str(network)!r} is none; --output writes a file beside it"
        )
    if embed:
        require_writable(network)
    if output is not None and require_writable(output) == Path(os.path.realpath(network)):
        raise VanillaflowError("--output would replace the network; --embed writes the certificate into it")
    if output is not None:
        require_output(output, _SUFFIXES)
    if checkpoint is not None:
        require_writable(checkpoint)
        note_output(checkpoint)


def require_fit(domain: Box | None, target: Target) -> None:
    """Raise VanillaflowError if the network was not made for the whole box of the system."""
    box = target.domain
    if domain is None:
        return
    if domain.dim != box.dim:
        raise VanillaflowError(f"the network has dimension {domain.dim}, the system {box.dim}")
    if (box.low < domain.low).any() or (box.high > domain.high).any():
        raise VanillaflowError(
            f"the network was made for the box {box_text(domain)}; that of the system, {box_text(box)}, "
            "is not inside it"
        )


def _certify(
    flow: Any, target: Target, seed: int | None, dtype: str, tol: float | None, options: dict[str, Any]
) -> Certificate:
    from ..certificates import certify

    method = options.get("method", "sampled")
    for name in sorted(options.keys() - _OPTIONS.get(method, options.keys())):
        raise VanillaflowError(f"--{name} does not belong to --method {method}")
    if method == "rigorous":
        options = options | ({} if tol is None else {"goal": tol})
        # A proof goes on from its checkpoint only if it is the same one.
        seed = 0 if seed is None and "checkpoint" in options else seed
    try:
        return certify(flow, target, seed=seed, dtype=dtype, **options)
    except VanillaflowError:
        raise
    except ProofInterrupted as interruption:
        raise Interrupted(str(interruption)) from None
    except ValueError as wrong:
        raise VanillaflowError(str(wrong)) from None


def _check(path: Path, flow: Any, target: Target, seed: int | None, dtype: str) -> tuple[Certificate, str]:
    """The certificate of the file and what was found again. CertificateRefused, naming the file."""
    certificate = certificate_of(path)
    try:
        return certificate, certificate.check(flow, target, dtype, seed)
    except CertificateRefused as refusal:
        raise CertificateRefused(f"{path} is refused: {refusal}") from None


def certificate_of(path: Path) -> Certificate:
    """The certificate that the file is, or the one inside an .onnx file."""
    if path.suffix.lower() != ".onnx":
        from ..certificates import Certificate

        return Certificate.load(path)
    from ..export.onnx import read_onnx_metadata

    certificate = read_onnx_metadata(path).get("certificate")
    if certificate is None:
        raise FileFormatError(f"cannot read {str(path)!r}: there is no certificate in it; --embed writes one")
    return certificate


def _write(certificate: Certificate, network: Path, output: Path | None, embed: bool) -> None:
    """To the places that `_require_outputs` found fit."""
    try:
        if output is not None:
            certificate.save(output)
        if embed:
            from ..export.onnx import embed_certificate

            embed_certificate(network, certificate)
    except ValueError as infinite:
        raise VanillaflowError(str(infinite)) from None


def _summary(
    certificate: Certificate, network: Path, found: str, output: Path | None, embed: bool
) -> list[tuple[str, str]]:
    from ..text import point_text

    table = [
        ("network", f"{network}, {certificate.dtype}"),
        ("system", certificate.system),
        ("box", box_text(certificate.box)),
        ("duration", f"{certificate.duration:g}"),
        ("method", certificate.method),
        ("cells" if certificate.method == "rigorous" else "points", str(certificate.points)),
        ("seed", str(certificate.seed)),
        ("largest", f"{certificate.largest:.4g} at {point_text(certificate.worst_point)}"),
        ("says", certificate.statement),
        ("", certificate.basis),
    ]
    if found:
        table.append(("found again", found))
    if output is not None:
        table.append(("written", f"{output} ({size_text(output.stat().st_size)})"))
    if embed:
        table.append(("embedded", f"in {network} ({size_text(network.stat().st_size)})"))
    return table
