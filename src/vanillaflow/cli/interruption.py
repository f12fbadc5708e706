"""Ctrl-C during a compilation: the files are written with the best flow so far, and one line says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CompilationInterrupted, VanillaflowError
from .result import Request, lower_flow, measure

if TYPE_CHECKING:
    from ..target import Target


class Interrupted(VanillaflowError):
    """The command was ended by Ctrl-C, and the message says what was saved nevertheless.

    It is no KeyboardInterrupt, as Typer would take that for its own.
    """


def saved_best(
    interruption: CompilationInterrupted, target: Target, request: Request, outputs: list[Path]
) -> Interrupted:
    """Write the outputs with the flow of the interruption. Returns the exception that is to end the command.

    A second Ctrl-C stops the measurement of the network, but not the writing; a third one stops that.
    """
    result, error = lower_flow(interruption.flow, request), interruption.error
    try:
        result, certificate = measure(result, target, request.seed)
        error = max(error, certificate.bound)
    except KeyboardInterrupt:
        pass
    for path in outputs:
        result.write(path)
    reached = "within the tolerance {:g}" if error <= request.tol else "tolerance {:g} NOT reached"
    best = f"{result.flow.kinks} kinks, error {error:.2g} ({reached.format(request.tol)})"
    if not outputs:
        return Interrupted(f"interrupted: the best so far has {best}; without -o nothing is saved")
    return Interrupted(f"interrupted: saved the best so far, {best}, to {', '.join(map(str, outputs))}")
