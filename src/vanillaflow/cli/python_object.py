"""SYSTEM as `package.module:object`: a System or FlowMap that a Python module defines.

The module is imported, which runs it: the name comes from the user's own command line, never from a file.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import TYPE_CHECKING, Any

from ..errors import FieldError

if TYPE_CHECKING:
    from ..fields.system import System
    from ..target import FlowMap

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")


def system_named(name: str) -> System | FlowMap:
    """The System or FlowMap of `package.module:object`, looked for in the current directory first.

    The object is a System or a FlowMap, or a function without arguments that returns one. Raises FieldError,
    saying which part of the name leads nowhere.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise FieldError(f"{name!r} is not of the form package.module:object")
    value = _attribute(_module(found[1]), found[1], found[2])
    return _system(value, name)


def _module(name: str) -> Any:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except Exception as error:  # Whatever the user's module may raise.
        reason = next(iter(str(error).splitlines()), "")
        raise FieldError(f"module {name!r} cannot be imported: {type(error).__name__}: {reason}") from error
    finally:
        sys.path.remove("")


def _attribute(module: Any, module_name: str, path: str) -> Any:
    value = module
    for part in path.split("."):
        if not hasattr(value, part):
            raise FieldError(f"module {module_name!r} has no {path!r}")
        value = getattr(value, part)
    return value


def _system(value: Any, name: str) -> System | FlowMap:
    from ..fields.system import System
    from ..target import FlowMap

    if callable(value) and not isinstance(value, FlowMap | System):
        try:
            value = value()
        except Exception as error:  # Whatever the user's function may raise.
            reason = next(iter(str(error).splitlines()), "")
            raise FieldError(f"{name}() fails: {type(error).__name__}: {reason}") from error
    if isinstance(value, System | FlowMap):
        return value
    raise FieldError(
        f"{name} is a {type(value).__name__}; it should be a vanillaflow.System or FlowMap, or a function "
        "without arguments that returns one"
    )
