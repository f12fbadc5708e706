"""SYSTEM as `package.module:object`: a System or FlowMap that a Python module defines.

The module is imported, which runs it: the name comes from the user's own command line, never from a file.
Whatever that code raises, then or later, is told as an error of the object that was named.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..errors import FieldError, reason_of

if TYPE_CHECKING:
    from ..systems.system import System
    from ..target import Target

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
# The object whose code the command runs, if there is one.
_RUNNING: ContextVar[str | None] = ContextVar("_RUNNING", default=None)


def find_system(name: str) -> System | Target:
    """The System or FlowMap of `package.module:object`, looked for in the current directory first.

    The object is a System or a FlowMap, or a function without arguments that returns one. Raises FieldError,
    saying which part of the name leads nowhere, and OutputError if the command was asked to write a file of
    the modules that are loaded then.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise FieldError(f"{name!r} is not of the form package.module:object")
    module = _module(found[1])
    _note_modules()
    value = _attribute(module, found[1], found[2])
    system = _system(value, name)
    _RUNNING.set(name)
    return system


def require_own_error(error: BaseException) -> None:
    """Raise FieldError, naming the object, if the command runs one whose code may have raised this.

    Without one, what nobody caught is a mistake in vanillaflow, whose traceback is worth more than a
    sentence, or how Typer ends the help of a command.
    """
    name = _RUNNING.get()
    if name is not None:
        raise FieldError(f"{name} fails: {reason_of(error)}") from error


def _module(name: str) -> Any:
    sys.path.insert(0, "")
    try:
        with _errors_in_words(f"module {name!r} cannot be imported"):
            return importlib.import_module(name)
    finally:
        if "" in sys.path:  # The module may have changed it.
            sys.path.remove("")


def _note_modules() -> None:
    """Every module that is loaded is an input."""
    from ..files.inputs import note_input

    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            note_input(file)


def _attribute(module: Any, module_name: str, path: str) -> Any:
    value = module
    for part in path.split("."):
        with _errors_in_words(f"{module_name}:{path} cannot be read"):
            there = hasattr(value, part)
            value = getattr(value, part) if there else None
        if not there:
            raise FieldError(f"module {module_name!r} has no {path!r}")
    return value


def _system(value: Any, name: str) -> System | Target:
    from ..systems.system import System
    from ..target import Target

    with _errors_in_words(f"{name}() fails"):
        if callable(value) and not isinstance(value, Target | System):
            value = value()
        if isinstance(value, System | Target):
            return value
    raise FieldError(
        f"{name} is a {type(value).__name__}; it should be a vanillaflow.System or FlowMap, or a function "
        "without arguments that returns one"
    )


@contextmanager
def _errors_in_words(what: str) -> Iterator[None]:
    """FieldError for whatever the user's code raises, an exit or any other BaseException as well."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise FieldError(f"{what}: {reason_of(error)}") from error
