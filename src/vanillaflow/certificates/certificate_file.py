"""Certificates as JSON files: one flat table, with a checksum of the rest.

The checksum makes an accident noticeable, no more: anybody can compute another one. Whether what the file
says is true is found out by `checking.check`.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ..box import Box
from ..errors import FileFormatError
from ..files import read_bytes, write_atomically
from ..files.checksum import checksum
from .certificate import Certificate, contradiction

if TYPE_CHECKING:
    from os import PathLike

FORMAT = 1
# A certificate of a thousand dimensions has some 100 kB.
_MAX_BYTES = 2**24
_NAMES = tuple(field.name for field in fields(Certificate))
_VECTORS = ("per_output", "worst_point")
_NUMBERS = ("bound", "largest", "confidence", "duration", "seconds")
_COUNTS = {"points": 1, "seed": 0}
_TEXTS = ("method", "dtype", "network_hash", "system_hash", "system", "reference", "version")
# Numbers that may be null.
_OPTIONAL = ("coverage", "solver_error")


def save_certificate(certificate: Certificate, path: str | PathLike[str]) -> None:
    """Write the certificate. Raises OutputError if `path` cannot be written, and ValueError as `to_json`."""
    write_atomically(path, to_json(certificate).encode())


def load_certificate(path: str | PathLike[str]) -> Certificate:
    """Read a certificate. Raises FileFormatError, naming the file, as `from_json` does; VanillaflowError if
    there is no such file."""
    content = read_bytes(path, _MAX_BYTES)
    try:
        return from_json(content.decode("utf-8"))
    except ValueError as error:  # One of them is that it is not UTF-8.
        raise FileFormatError(f"cannot read {os.fspath(path)!r}: {error}") from None


def to_json(certificate: Certificate) -> str:
    """The certificate as JSON, the same for the same certificate; `from_json` reads it back exactly.

    Raises ValueError if the error is not finite, or what it is of is not said.
    """
    values: dict[str, Any] = {name: getattr(certificate, name) for name in _NAMES}
    unknown = [name for name, value in values.items() if value is None and name not in _OPTIONAL]
    if unknown:
        raise ValueError(f"the certificate does not know its {unknown[0]}; certify() makes one that does")
    values |= {name: values[name].tolist() for name in _VECTORS}
    values["box"] = {end: getattr(values["box"], end).tolist() for end in ("low", "high")}
    values["format"] = FORMAT
    values["sha256"] = checksum(values, {})
    try:
        return json.dumps(values, indent=1, allow_nan=False) + "\n"
    except ValueError:
        raise ValueError("a certificate of an error that is not finite cannot be saved") from None


def from_json(text: str) -> Certificate:
    """What `to_json` was given. Raises FileFormatError, saying what is wrong, for any other text."""
    values = _table(text)
    recorded = values.pop("sha256")
    try:
        unchanged = recorded == checksum(values, {})
    except RecursionError:
        unchanged = False
    if not unchanged:
        raise FileFormatError("its content does not match its checksum: it was changed after it was written")
    if values.pop("format") != FORMAT:
        raise FileFormatError(
            f"it has another version of the format; this vanillaflow reads version {FORMAT}"
        )
    for name in _TEXTS:
        if not isinstance(values[name], str):
            raise FileFormatError(f"its {name} is not a text")
    for name, least in _COUNTS.items():
        if type(values[name]) is not int or values[name] < least:
            raise FileFormatError(f"its {name} is not a whole number from {least}")
    for name in (*_NUMBERS, *_OPTIONAL):
        if not (name in _OPTIONAL and values[name] is None):
            values[name] = _number(name, values[name])
    for name in _VECTORS:
        values[name] = _vector(name, values[name])
    values["box"] = _box(values["box"])
    if len({values["box"].dim, *(values[name].size for name in _VECTORS)}) > 1:
        raise FileFormatError("its per_output, its worst_point and its box have different dimensions")
    certificate = Certificate(**values)
    wrong = contradiction(certificate)
    if wrong is not None:
        raise FileFormatError(wrong)
    return certificate


def _table(text: str) -> dict[str, Any]:
    """The JSON object, with the entries that a certificate has and no others."""

    def refuse(constant: str) -> None:
        raise FileFormatError(f"it holds {constant}, which is no number")

    try:
        values = json.loads(text, parse_constant=refuse)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"it is not JSON ({error})") from None
    if not isinstance(values, dict):
        raise FileFormatError("it is not a table")
    expected = {*_NAMES, "format", "sha256"}
    for verb, wrong in (("lacks", expected - values.keys()), ("has an unexpected", values.keys() - expected)):
        if wrong:
            raise FileFormatError(f"it {verb} entry {min(wrong)!r}")
    return values


def _number(name: str, value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float) else np.nan
    except OverflowError:
        number = np.nan
    if not isfinite(number):
        raise FileFormatError(f"its {name} is not a number")
    return number


def _vector(name: str, value: Any) -> np.ndarray:
    if not isinstance(value, list) or not value:
        raise FileFormatError(f"its {name} is not a list of numbers")
    return np.array([_number(name, each) for each in value])


def _box(value: Any) -> Box:
    if not isinstance(value, dict) or value.keys() != {"low", "high"}:
        raise FileFormatError("its box has no low and high")
    try:
        return Box(_vector("box", value["low"]), _vector("box", value["high"]))
    except ValueError as error:
        raise FileFormatError(f"its box is none: {error}") from None
