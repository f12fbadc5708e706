"""TOML files into systems: equations, or an ONNX model as the field, with its box and duration."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..box import Box
from ..choices import file_nearby
from ..errors import FieldError, VanillaflowError
from ..fields.equations import from_equations
from ..fields.equations.names import checked_interval, checked_number, show
from ..fields.equations.orders import derivative, first_order
from ..files.inputs import note_input
from .system import System

MAX_FILE_BYTES = 1_000_000

# tomllib takes time that grows with the square of the number of parts of a key a.b.c, some 0.02 us times that
# (measured with 5000 parts): the sum over all lines, in which the points of numbers count as well.
_MAX_KEY_WORK = 10_000_000
_STRING = re.compile(r""" "[^"]*" | '[^']*' """, re.VERBOSE)

_TABLES = {
    "name": "the name of the system, as text",
    "equations": "a table with one line per variable",
    "domain": "a table with [low, high] per variable",
    "flow": "a table with the duration",
    "parameters": "a table of numbers, or of ranges [low, high] (optional)",
    "inputs": "a table with [low, high] per input (optional)",
}
_KEYS = {"equations": list(_TABLES), "field": ["name", "field", "domain", "flow"]}


def load_system(path: str | Path) -> System:
    """Read the System that a TOML file describes; the format is that of the files in the zoo.

    Inputs, and parameters given as a range [low, high], become coordinates after the variables, which the
    flow leaves as they are: one network then serves for all their values. In place of [equations] there may
    be `field = "model.onnx"`, an ONNX model beside the file (`from_onnx`); [domain] then names the
    coordinates in their order.

    Parameters
    ----------
    path
        The file, of at most 1 MB.

    Raises
    ------
    FieldError
        If the file cannot be read, is larger than 1 MB, is not TOML, or if a key is missing, unknown or of
        the wrong kind. The message names the file and the key.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise FieldError(f"{path}: there is no such file{file_nearby(path)}")
        note_input(path)
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except VanillaflowError:
        raise
    except (OSError, ValueError) as error:
        raise FieldError(f"{path}: cannot be read ({error})") from None
    if len(data) > MAX_FILE_BYTES:
        raise FieldError(f"{path}: the file is larger than 1 MB; a system of equations is a short text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FieldError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8 TOML") from None
    return parse_system(text, source=str(path), directory=path.parent)


def parse_system(text: str, source: str, directory: Path | None = None) -> System:
    """The System that TOML text describes. `source` says in error messages where the text is from.

    ONNX models are looked for in `directory`; without one there are none.
    """
    if sum(_STRING.sub("", line).count(".") ** 2 for line in text.split("\n")) > _MAX_KEY_WORK:
        raise FieldError(f"{source}: it has keys of too many parts; keys here have one part each")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FieldError(f"{source}: not valid TOML: {error}") from None
    except ValueError:  # Python reads integers of a limited number of digits.
        raise FieldError(f"{source}: not valid TOML: an integer has thousands of digits") from None
    except RecursionError:
        raise FieldError(f"{source}: not valid TOML: nested too deeply") from None
    try:
        return _system(document, directory)
    except ValueError as error:
        raise FieldError(f"{source}: {error}") from None


def _system(document: dict[str, Any], directory: Path | None) -> System:
    given = "field" if "field" in document else "equations"
    _check_keys("the file", document, known=_KEYS[given], required=["name", given, "domain", "flow"])
    name = document["name"]
    if not isinstance(name, str) or not name.strip():
        raise FieldError(f"name must be non-empty text, got {show(name)}")
    tables = {key: document.get(key, {}) for key in _TABLES if key != "name"}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise FieldError(f"{key} must be {_TABLES[key]}, got {show(table)}")
    _check_keys("[flow]", tables["flow"], known=["duration"], required=["duration"])
    duration = checked_number("[flow] duration", tables["flow"]["duration"])
    if not duration > 0:
        raise FieldError(f"[flow] duration must be positive, got {duration:g}")
    if given == "field":
        return _model_system(name, document["field"], tables["domain"], duration, directory)
    equations = tables["equations"]
    if not equations:
        raise FieldError('[equations] is empty; write one line per variable, such as x = "-x"')
    coordinates = first_order(equations)
    _check_keys("[domain]", tables["domain"], known=coordinates, required=list(coordinates))
    ranged = {key: value for key, value in tables["parameters"].items() if isinstance(value, list)}
    for key in ranged:
        if key in tables["inputs"]:
            raise FieldError(f"{show(key)} is both an input and a parameter; rename one of them")
    bounds = [
        *[checked_interval(f"[domain] {key}", tables["domain"][key]) for key in coordinates],
        *[checked_interval(f"[inputs] {key}", value) for key, value in tables["inputs"].items()],
        *[checked_interval(f"[parameters] {key}", value) for key, value in ranged.items()],
    ]
    domain = Box(*np.array(bounds).T)
    inputs = (*tables["inputs"], *ranged)
    fixed = {key: value for key, value in tables["parameters"].items() if key not in ranged}
    return System(
        name=name,
        field=from_equations(equations, fixed, domain, inputs=inputs),
        domain=domain,
        duration=duration,
        variables=(*coordinates, *inputs),
        equations=tuple(f"{derivative(key)} = {' '.join(text.split())}" for key, text in equations.items()),
        inputs=inputs,
        parameters=tuple(f"{key} = {_value(value)}" for key, value in fixed.items()),
    )


def _value(parameter: Any) -> str:
    """A parameter's number, or the numbers and times of one that switches, which has been checked."""
    if not isinstance(parameter, Mapping):
        return f"{parameter:.6g}"
    numbers = [f"{value:.6g}" for value in parameter["values"]]
    later = (f"{value} from {time:.6g}" for value, time in zip(numbers[1:], parameter["times"]))
    return ", ".join([numbers[0], *later])


def _model_system(
    name: str, model: Any, bounds: dict[str, Any], duration: float, directory: Path | None
) -> System:
    if not isinstance(model, str) or not model.lower().endswith(".onnx") or directory is None:
        raise FieldError(f"field must be the name of an ONNX file beside this one, got {show(model)}")
    if not bounds:
        raise FieldError("[domain] is empty; write one line per coordinate of the model, such as x = [-1, 1]")
    from ..fields.onnx_field import from_onnx  # which imports onnx; equations do without

    domain = Box(*np.array([checked_interval(f"[domain] {key}", value) for key, value in bounds.items()]).T)
    return System(
        name=name,
        field=from_onnx(directory / model, dim=domain.dim),
        domain=domain,
        duration=duration,
        variables=tuple(bounds),
        equations=(f"({', '.join(bounds)})' = {Path(model).name}",),
    )


def _check_keys(where: str, table: Mapping[str, Any], known, required: list[str]) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise FieldError(f"{where} has an unknown key {show(key)}; {hint}")
    for key in required:
        if key not in table:
            what = f"; it is {_TABLES[key]}" if key in _TABLES and where == "the file" else ""
            raise FieldError(f"{where} lacks the key {key!r}{what}")
