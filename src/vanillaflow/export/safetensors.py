"""The exact format: flows and networks as safetensors files of float64, which `load` reads back to the bit.

Layout. One metadata entry, "vanillaflow", holds JSON with `format` (the version of this layout), `kind`,
`provenance`, and `sha256` of the rest, so that a changed byte is noticed anywhere in the file. The tensors
bear the names of the attributes, and `domain.low`, `domain.high` where there is a domain. The same object
always gives the same bytes.

Format 1 holds flows and networks of the dialect leaky_relu. Format 2 holds networks of the other dialects:
its JSON has the `dialect`, and every layer has tensors of its own, `weights.0`, `biases.0`, `weights.1`, ...
"""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from ..box import Box
from ..errors import FileFormatError
from ..files import read_bytes, write_atomically
from ..files.checksum import checksum
from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..provenance import Provenance
from .tensors import from_named, named_tensors, tensor_names

if TYPE_CHECKING:
    from os import PathLike

_KEY = "vanillaflow"
_DOMAIN = ("domain.low", "domain.high")
# Each kind of object, and the versions of the format that there are of it.
_KINDS = {"planar_flow": (1,), "feedforward_network": (1, 2)}
_FLOW = ("a", "w", "t", "stops", "M", "m")
_DTYPES = {"F64": "<f8", "I64": "<i8"}


def save_planar_flow(flow: PlanarFlow, path: str | PathLike[str]) -> None:
    """Write the flow with its domain and provenance. Raises OutputError if `path` cannot be written."""
    write_atomically(path, _serialize(flow))


def save_network(network: FeedforwardNetwork, path: str | PathLike[str]) -> None:
    """Write the network with its domain and provenance. Raises OutputError if `path` cannot be written."""
    write_atomically(path, _serialize(network))


def load(path: str | PathLike[str]) -> PlanarFlow | FeedforwardNetwork:
    """Read from `path` what `PlanarFlow.save` or `FeedforwardNetwork.save` wrote, exactly.

    Nothing in the file is ever executed.

    Raises
    ------
    FileFormatError
        For any other file: corrupted, truncated, of another kind or version, or with numbers that make no
        valid flow or network. The message names the file and the reason.
    VanillaflowError
        If there is no such file.
    """
    content = read_bytes(path)
    try:
        return _deserialize(content)
    except ValueError as error:
        raise FileFormatError(f"cannot load {os.fspath(path)!r}: {error}") from None


def _serialize(thing: PlanarFlow | FeedforwardNetwork) -> bytes:
    provenance = None if thing.provenance is None else thing.provenance.to_json()
    header: dict[str, Any] = {"format": 1, "kind": "planar_flow", "provenance": provenance}
    if isinstance(thing, FeedforwardNetwork):
        header["kind"] = "feedforward_network"
        if thing.dialect != "leaky_relu":
            header |= {"format": 2, "dialect": thing.dialect}
        tensors = named_tensors(thing.weights, thing.biases, thing.slopes, thing.dialect)
    else:
        tensors = {name: getattr(thing, name) for name in _FLOW}
    if thing.domain is not None:
        tensors |= {"domain.low": thing.domain.low, "domain.high": thing.domain.high}
    header["sha256"] = checksum(header, tensors)
    # The library writes the memory as it lies, whatever its strides.
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # One entry only, as the library writes several in random order.
    return safetensors.numpy.save(tensors, metadata={_KEY: json.dumps(header, sort_keys=True)})


def _deserialize(content: bytes) -> PlanarFlow | FeedforwardNetwork:
    try:
        entries = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise FileFormatError(f"it is not a complete safetensors file ({error})") from None
    header = _header(content)
    version, kind = header.get("format"), header.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FileFormatError(f"it holds a {kind!r}, not one of {', '.join(_KINDS)}")
    if version not in _KINDS[kind]:
        known = " and ".join(map(str, _KINDS[kind]))
        raise FileFormatError(
            f"it has version {version!r} of the format; this vanillaflow reads version {known} of a {kind}"
        )
    dialect = _dialect(header) if kind == "feedforward_network" else None
    names = set(_FLOW) if dialect is None else tensor_names(dialect, _depth(entries))
    has_domain = bool(entries.keys() & set(_DOMAIN))
    expected = names | set(_DOMAIN) if has_domain else names
    for verb, wrong in (
        ("lacks", expected - entries.keys()),
        ("has an unexpected", entries.keys() - expected),
    ):
        if wrong:
            raise FileFormatError(f"it {verb} tensor {min(wrong)!r}")
    tensors = {name: _array(name, entry) for name, entry in entries.items()}
    recorded = header.pop("sha256", None)
    if recorded != checksum(header, tensors):
        raise FileFormatError("its content does not match its checksum: it was changed after it was written")
    text = header.get("provenance")
    if not isinstance(text, str | None):
        raise FileFormatError("its provenance is not a text")
    domain = Box(*(tensors[name] for name in _DOMAIN)) if has_domain else None
    provenance = None if text is None else Provenance.from_json(text)
    if dialect is None:
        return PlanarFlow(**{name: tensors[name] for name in _FLOW}, domain=domain, provenance=provenance)
    layers = from_named(tensors, dialect)
    return FeedforwardNetwork(**layers, domain=domain, provenance=provenance, dialect=dialect)


def _dialect(header: dict[str, Any]) -> str:
    """That of a network; it is part of the header in format 2 only."""
    if header["format"] == 1:
        return "leaky_relu"
    dialect = header.get("dialect")
    if not isinstance(dialect, str) or dialect not in DIALECTS or dialect == "leaky_relu":
        raise FileFormatError(f"it holds a network of the dialect {dialect!r}, not one of its format's")
    return dialect


def _depth(entries: dict[str, Any]) -> int:
    """As many layers as there are slopes, but no more than there are tensors, whatever the file claims.

    0 where there are no slopes at all, which is found out later.
    """
    shape = entries["slopes"]["shape"] if "slopes" in entries else []
    return min(shape[0], len(entries)) if shape else 0


def _header(content: bytes) -> dict[str, Any]:
    """The JSON of our metadata entry. `content` is already known to be a well-formed safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    if _KEY not in metadata:
        raise FileFormatError("it was not written by vanillaflow: its metadata has no such entry")
    try:
        header = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"its metadata cannot be read ({error})") from None
    if not isinstance(header, dict):
        raise FileFormatError("its metadata is not a table")
    return header


def _array(name: str, entry: dict[str, Any]) -> np.ndarray:
    """The tensor, of the one dtype that its name allows."""
    wanted = "I64" if name == "stops" else "F64"
    if entry["dtype"] != wanted:
        raise FileFormatError(f"its tensor {name!r} has dtype {entry['dtype']} instead of {wanted}")
    array = np.frombuffer(entry["data"], dtype=_DTYPES[wanted]).reshape(entry["shape"])
    return array.astype(array.dtype.newbyteorder("="))
