"""Equations as text, and TOML files of them, into fields and systems."""

from __future__ import annotations

import difflib
import keyword
import numbers
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from ..box import Box
from ..errors import FieldError
from .decompose import NoRidgeSumError, decompose
from .expression_field import ExpressionField
from .functions import BY_NAME
from .parser import CONSTANTS, number, parse_expression
from .ridge import RidgeField
from .system import System

TIME = "t"
MAX_VARIABLES = 256
MAX_FILE_BYTES = 1_000_000

_TABLES = {
    "name": "the name of the system, as text",
    "equations": "a table with one line per variable",
    "domain": "a table with [low, high] per variable",
    "flow": "a table with the duration",
    "parameters": "a table of numbers (optional)",
}


def from_equations(
    equations: Mapping[str, str],
    parameters: Mapping[str, int | float] | None = None,
    domain: Box | None = None,
    exact: bool = False,
) -> RidgeField | ExpressionField:
    """The field x' = text: a RidgeField equal to it where it is one, else an ExpressionField.

    Parameters
    ----------
    equations : variable names, in the order of the coordinates, with the text of their derivatives:
        {"x": "y", "y": "-sin(x) - k*y"}. The text may use numbers, the variables and parameters, the time t,
        pi, e, + - * / **, and the functions sin, cos, tan, exp, log, sqrt, tanh, sinh, cosh, abs, arctan,
        sigmoid, softplus and relu.
    parameters : their values. A variable or parameter of the name t takes the place of the time.
    domain : the box on which the field will be used. It does not change the field, only how it is cut into
        ridges: polynomials are centred on the box.
    exact : refuse equations that are no sum of ridges.

    Sums of ridges are equations without time whose terms are affine, functions of one affine form, or
    polynomials up to degree 4; every method compiles them. All others are evaluated as they stand, and the
    default method compiles them.
    Raises FieldError, saying which equation and where, for any other text. It is never executed.
    """
    field = _field(equations, {} if parameters is None else parameters, domain)
    if exact and isinstance(field, ExpressionField):
        raise FieldError(field.reason)
    return field


def load_system(path: str | Path) -> System:
    """The System that a TOML file describes; the format is that of the files in the zoo.

    Raises FieldError, naming the file and the key, if the file cannot be read, is larger than 1 MB, is not
    TOML, or if a key is missing, unknown or of the wrong kind.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise FieldError(f"{path}: there is no such file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, FieldError):
            raise
        raise FieldError(f"{path}: cannot be read ({error})") from None
    if len(data) > MAX_FILE_BYTES:
        raise FieldError(f"{path}: the file is larger than 1 MB; a system of equations is a short text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FieldError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8 TOML") from None
    return parse_system(text, source=str(path))


def parse_system(text: str, source: str) -> System:
    """The System that TOML text describes. `source` says in error messages where the text is from."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FieldError(f"{source}: not valid TOML: {error}") from None
    except RecursionError:
        raise FieldError(f"{source}: not valid TOML: nested too deeply") from None
    try:
        return _system(document)
    except ValueError as error:
        raise FieldError(f"{source}: {error}") from None


def _system(document: dict[str, Any]) -> System:
    _check_keys("the file", document, known=_TABLES, required=["name", "equations", "domain", "flow"])
    name = document["name"]
    if not isinstance(name, str) or not name.strip():
        raise FieldError(f"name must be non-empty text, got {name!r}")
    tables = {key: document.get(key, {}) for key in ("equations", "domain", "flow", "parameters")}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise FieldError(f"{key} must be {_TABLES[key]}, got {table!r}")
    _check_keys("[flow]", tables["flow"], known=["duration"], required=["duration"])
    duration = _number("[flow] duration", tables["flow"]["duration"])
    if not duration > 0:
        raise FieldError(f"[flow] duration must be positive, got {duration:g}")
    equations = tables["equations"]
    if not equations:
        raise FieldError('[equations] is empty; write one line per variable, such as x = "-x"')
    domain = _domain(tables["domain"], list(equations))
    return System(
        name=name,
        field=_field(equations, tables["parameters"], domain),
        domain=domain,
        duration=duration,
        variables=tuple(equations),
        equations=tuple(f"{variable}' = {' '.join(text.split())}" for variable, text in equations.items()),
    )


def _field(equations: Any, parameters: Any, domain: Box | None) -> RidgeField | ExpressionField:
    """`from_equations` of arguments of any type."""
    if not isinstance(equations, Mapping) or not equations:
        raise FieldError('equations must be a non-empty mapping such as {"x": "y", "y": "-x"}')
    if len(equations) > MAX_VARIABLES:
        raise FieldError(f"{len(equations)} equations were given; at most {MAX_VARIABLES} are supported")
    symbols = {_name("variable", name): sp.Symbol(str(name), real=True) for name in equations}
    values = _parameter_values(parameters, symbols)
    time = sp.Symbol("t", real=True)
    names = {TIME: time} | symbols | values
    expressions = [parse_expression(text, names, f"equation {name}") for name, text in equations.items()]
    variables = list(symbols.values())
    try:
        timed = [v for v, e in zip(variables, expressions) if e.has(time) and time not in variables]
        if timed:
            return ExpressionField(expressions, variables, time, f"equation {timed[0]} depends on the time t")
        try:
            return decompose(expressions, variables, domain)
        except NoRidgeSumError as error:
            return ExpressionField(expressions, variables, time, str(error))
    except RecursionError:
        raise FieldError("the equations are nested too deeply; split them into smaller terms") from None
    except OverflowError:
        raise FieldError(
            "the equations have coefficients too large for floating point; rescale them"
        ) from None


def _domain(table: dict[str, Any], variables: list[str]) -> Box:
    _check_keys("[domain]", table, known=variables, required=variables)
    bounds = []
    for variable in variables:
        interval = table[variable]
        if not isinstance(interval, list) or len(interval) != 2:
            raise FieldError(f"[domain] {variable} must be [low, high], got {interval!r}")
        low, high = (_number(f"[domain] {variable}", bound) for bound in interval)
        if not low < high:
            raise FieldError(f"[domain] {variable}: low {low:g} must be below high {high:g}")
        bounds.append((low, high))
    return Box(*np.array(bounds).T)


def _parameter_values(parameters: Any, variables: Mapping[str, Any]) -> dict[str, sp.Number]:
    if not isinstance(parameters, Mapping):
        raise FieldError(f"parameters must be a mapping of names to numbers, got {type(parameters).__name__}")
    for name in parameters:
        if _name("parameter", name) in variables:
            raise FieldError(f"{name!r} is both a variable and a parameter; rename one of them")
    return {_name("parameter", key): number(_number(f"parameter {key}", v)) for key, v in parameters.items()}


def _name(kind: str, name: Any) -> str:
    """`name` in the normal form that Python's parser gives names, if it can be one."""
    if not isinstance(name, str) or not name.isidentifier():
        raise FieldError(
            f"{kind} name {name!r} is not a name; use letters, digits and _, starting with a letter"
        )
    if keyword.iskeyword(name):
        raise FieldError(f"{kind} name {name!r} is a word of the language; choose another, such as {name}_")
    if name in BY_NAME or name in CONSTANTS:
        taken = "function" if name in BY_NAME else "constant"
        raise FieldError(
            f"{kind} name {name!r} is taken by the {taken} {name}; choose another, such as {name}_"
        )
    return unicodedata.normalize("NFKC", name)


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise FieldError(f"{what} must be a number, got {value!r}")
    try:
        result = float(value)
    except OverflowError:
        result = np.inf
    if not np.isfinite(result):
        raise FieldError(f"{what} must be finite, got {result}")
    return result


def _check_keys(where: str, table: Mapping[str, Any], known, required: list[str]) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise FieldError(f"{where} has an unknown key {key!r}; {hint}")
    for key in required:
        if key not in table:
            what = f"; it is {_TABLES[key]}" if key in _TABLES and where == "the file" else ""
            raise FieldError(f"{where} lacks the key {key!r}{what}")
