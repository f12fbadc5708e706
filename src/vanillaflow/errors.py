"""What can go wrong, each with what the user needs to act on it."""

from __future__ import annotations

from importlib import import_module
from math import inf, isfinite
from os import fspath
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    import numpy as np

    from .planar.flow import PlanarFlow


class VanillaflowError(Exception):
    """Base of every error that the user can act on. The message is one clear sentence or two."""


def reason_of(error: BaseException) -> str:
    """The first line of another library's exception, with its type.

    An exception that says nothing, or whose text cannot even be had, is described by its type alone.
    """
    try:
        said = next(iter(str(error).splitlines()), "").strip()
    except Exception:  # Whatever the user's own class does when it is printed.
        said = ""
    kind = type(error).__name__
    return f"{kind}: {said}" if said else kind


class FieldError(VanillaflowError, ValueError):
    """A vector field that cannot be read: unknown name, wrong shape, unsupported module, ..."""


class FileFormatError(VanillaflowError, ValueError):
    """A file that is not what it should be: corrupted, truncated, of another kind or version."""


class OutputError(VanillaflowError, OSError):
    """A file that cannot be written: missing directory, no permission, full disk, input of the command, ...

    Nothing half-written is left behind, and a file that was there before is unchanged.
    """


class CertificateRefused(VanillaflowError, ValueError):
    """A certificate that does not hold for what it is shown with.

    It is of another network or another system, or its numbers are not found again.
    """


class FlowLeavesDomain(VanillaflowError, ValueError):
    """The exact flow does not exist over the whole box: a trajectory blows up or the field is undefined.

    Attributes
    ----------
    point : (d,) array
        The starting point.
    time : float
        When its trajectory was lost.
    """

    def __init__(self, point: np.ndarray, time: float, duration: float, reason: str):
        self.point = point
        self.time = time
        where = ", ".join(f"{v:.6g}" for v in point)
        super().__init__(
            f"the flow {reason} at time {time:.6g} of {duration:g} when started from ({where}); "
            "use a smaller box or a shorter duration"
        )


class FlowNotResolved(VanillaflowError, RuntimeError):
    """The exact flow is not known well enough to state an error.

    The field changes faster in time than it was evaluated, or two solvers with other steps do not agree.

    Attributes
    ----------
    time : float
        Where the first change or difference is.
    """

    def __init__(self, message: str, time: float):
        super().__init__(message)
        self.time = time


class ToleranceNotReached(VanillaflowError, RuntimeError):
    """The compiler stopped before its tolerance.

    Attributes
    ----------
    flow : PlanarFlow or None
        The best flow found.
    error : float
        The sampled supremum error of that flow; inf if there is none.
    needed : float or None
        The number of planar maps that would be needed, where that is known.
    """

    def __init__(
        self, message: str, flow: PlanarFlow | None = None, error: float = inf, needed: float | None = None
    ):
        super().__init__(message)
        self.flow = flow
        self.error = error
        self.needed = needed


class UncoveredDomain(UserWarning):
    """Large parts of a box are far from every sample of a flow that is known by samples only."""


class CompilationInterrupted(KeyboardInterrupt):
    """Ctrl-C reached a compilation that already has a flow. Handlers of KeyboardInterrupt catch it.

    Attributes
    ----------
    flow : PlanarFlow
        The best flow so far, not within the tolerance as a rule.
    error : float
        The sampled supremum error of that flow; inf if there was no time to measure it.
    """

    def __init__(self, flow: PlanarFlow, error: float = inf):
        known = f"error {error:.3g}" if isfinite(error) else "an error not yet measured"
        super().__init__(f"interrupted; the best flow so far has {flow.kinks} kinks and {known}")
        self.flow = flow
        self.error = error


class ProofInterrupted(KeyboardInterrupt):
    """Ctrl-C reached a rigorous certificate with a checkpoint. Handlers of KeyboardInterrupt catch it.

    Attributes
    ----------
    checkpoint : str or PathLike
        The path of the file from which the proof goes on if it is given again.
    """

    def __init__(self, checkpoint: str | PathLike[str]):
        super().__init__(
            f"interrupted; the proof goes on from the checkpoint {fspath(checkpoint)!r} if it is given again"
        )
        self.checkpoint = checkpoint


def import_optional(package: str, extra: str, purpose: str) -> ModuleType:
    """The imported `package`; raises VanillaflowError with the command that installs it if it is missing.

    `extra` is the extra of vanillaflow that brings it, `purpose` what it is needed for, as a noun.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise VanillaflowError(
            f'{purpose} needs {package}, which is not installed: pip install "vanillaflow[{extra}]"'
        ) from None
