"""SYSTEM, as every command reads it: a name from the zoo, a TOML file, or an object of a Python module."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..choices import ZOO, did_you_mean
from ..errors import FieldError
from .completion import complete_system

if TYPE_CHECKING:
    from ..systems.system import System
    from ..target import Target

# What a model alone does not say, or would take executing it to say.
_UNPICKLED = (
    "a file that torch reads by unpickling, which can execute anything. Write the module with "
    "torch.onnx.export, and name that file in a TOML file, or name the module: package.module:object"
)
_MODELS = {
    ".onnx": 'a field without a box and a duration. Write a TOML file with the line field = "...onnx" and '
    "the tables [domain] and [flow]",
    **dict.fromkeys((".pt2", ".pt", ".pth", ".pkl", ".pickle"), _UNPICKLED),
}

SYSTEM = typer.Argument(
    metavar="SYSTEM",
    autocompletion=complete_system,
    help="A name from `vanillaflow zoo list`, a TOML file of equations, or package.module:object, a "
    "System or FlowMap that a Python module defines.",
)


def read_target(name: str) -> Target:
    """The target that SYSTEM names. Raises FieldError, saying what it is not, if it is none."""
    return target_of(read_system(name))


def target_of(system: System | Target) -> Target:
    """The target of a system, or the target itself."""
    from ..systems.system import System

    return system.target() if isinstance(system, System) else system


def read_system(name: str) -> System | Target:
    """What SYSTEM names, with its equations where it has any. Raises FieldError as `read_target` does."""
    if name not in ZOO:
        ending = Path(name).suffix.lower()
        if ending in _MODELS:
            raise FieldError(f"{name!r} is {_MODELS[ending]}")
        if name.lower().endswith(".toml") or os.path.isfile(name):
            from ..systems.system_file import load_system

            return load_system(name)
        if ":" in name:
            from .python_object import find_system

            return find_system(name)
        files = [file.name for file in Path().glob("*.toml")]
        hint = did_you_mean(name, [*ZOO, *files]) or "; `vanillaflow zoo list` shows those that come along"
        raise FieldError(f"there is no system {name!r}{hint}")
    from ..systems import zoo

    return zoo.load(name)
