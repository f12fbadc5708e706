"""Optional dependencies: imported where they are first needed, with a clear word when they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from .errors import VanillaflowError


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
