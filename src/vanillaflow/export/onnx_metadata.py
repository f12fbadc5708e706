"""What an ONNX file of ours says of its network: texts in metadata_props, and a checksum.

Here the texts are called entries, by their keys without the prefix "vanillaflow.".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

from .. import __version__
from ..box import Box
from ..errors import FileFormatError
from ..files.checksum import checksum
from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..provenance import Provenance
from .tensors import named_tensors

if TYPE_CHECKING:
    from ..certificates import Certificate

_PREFIX = "vanillaflow."


def network_entries(network: FeedforwardNetwork, dtype: str) -> dict[str, str]:
    """What the network knows of itself: its shape and, if it was compiled, from what and how accurately."""
    entries: dict[str, Any] = {
        "version": __version__,
        "dtype": dtype,
        "width": network.width,
        "depth": network.depth,
        "dialect": network.dialect,
    }
    if network.domain is not None:
        entries["domain"] = json.dumps(
            {"low": network.domain.low.tolist(), "high": network.domain.high.tolist()}
        )
    if network.provenance is not None:
        entries |= {
            key: getattr(network.provenance, key)
            for key in ("system", "duration", "tolerance", "error", "error_method")
        }
        entries["provenance"] = network.provenance.to_json()
    # A name may hold surrogates, as names of files do, which a protocol buffer's text cannot.
    return {
        key: str(value).encode(errors="backslashreplace").decode()
        for key, value in entries.items()
        if value is not None
    }


def certificate_entry(certificate: Certificate, network: FeedforwardNetwork, dtype: str) -> dict[str, str]:
    """The certificate, as JSON.

    Raises ValueError, saying why, unless it is of this network in this dtype and can be saved.
    """
    from ..certificates.certificate_file import to_json
    from ..certificates.fingerprints import network_hash

    text = to_json(certificate)
    if certificate.dtype != dtype:
        raise ValueError(
            f"the certificate is of a network in {certificate.dtype}, and the file is in {dtype}; "
            f"certify(network, target, dtype={dtype!r}) makes one that fits"
        )
    if certificate.network_hash != network_hash(network, dtype):
        raise ValueError(
            "the certificate is of another network: the numbers of this one have another hash; "
            f"certify(network, target, dtype={dtype!r}) makes one that fits"
        )
    return {"certificate": text}


def write_entries(
    model: onnx.ModelProto, entries: Mapping[str, str], arrays: Mapping[str, np.ndarray]
) -> None:
    """Make these, and a checksum of them and of the arrays, the entries of the model.

    What others wrote into its metadata stays.
    """
    others = {entry.key: entry.value for entry in model.metadata_props if not entry.key.startswith(_PREFIX)}
    signed = {**entries, "sha256": checksum(entries, arrays)}
    helper.set_model_props(model, others | {_PREFIX + key: text for key, text in signed.items()})


def read_entries(model: onnx.ModelProto) -> tuple[dict[str, str], str]:
    """The entries, and the checksum. Raises FileFormatError if there are none that we write."""
    pairs = [(entry.key, entry.value) for entry in model.metadata_props]
    # Protocol buffers hand out bytes where a text is not UTF-8.
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        raise FileFormatError("its metadata is not text")
    entries = {key.removeprefix(_PREFIX): text for key, text in pairs if key.startswith(_PREFIX)}
    if not {"version", "dtype", "width", "depth", "sha256"} <= entries.keys():
        raise FileFormatError("it was not written by vanillaflow: its metadata has no such entries")
    return entries, entries.pop("sha256")


def network_values(entries: Mapping[str, str]) -> dict[str, Any]:
    """What `network_entries` was told. Raises FileFormatError if an entry cannot be read."""
    # Files from before there were others are of the dialect leaky_relu.
    values: dict[str, Any] = {"dialect": "leaky_relu"} | {
        key: text for key, text in entries.items() if key != "certificate"
    }
    if values["dialect"] not in DIALECTS:
        raise FileFormatError(f"its network is of the unknown dialect {values['dialect']!r}")
    try:
        values |= {key: int(entries[key]) for key in ("width", "depth")}
        values |= {key: float(entries[key]) for key in ("duration", "tolerance", "error") if key in entries}
        if "domain" in entries:
            values["domain"] = Box(**json.loads(entries["domain"]))
        if "provenance" in entries:
            values["provenance"] = Provenance.from_json(entries["provenance"])
    except (TypeError, ValueError, RecursionError) as error:
        raise FileFormatError(f"its metadata cannot be read: {error}") from None
    return values


def require_checksum(entries: Mapping[str, str], recorded: str, network: FeedforwardNetwork) -> None:
    """Raise FileFormatError unless it is that of the entries and of the network's numbers."""
    arrays = named_tensors(network.weights, network.biases, network.slopes, network.dialect)
    if recorded != checksum(entries, arrays):
        raise FileFormatError("its content does not match its checksum: it was changed after it was written")


def read_certificate(text: str, network: FeedforwardNetwork, dtype: str) -> Certificate:
    """What `certificate_entry` was given. Raises FileFormatError if it cannot be read, or is of another
    network than that of the file."""
    from ..certificates.certificate_file import from_json
    from ..certificates.fingerprints import network_hash

    try:
        certificate = from_json(text)
    except FileFormatError as error:
        raise FileFormatError(f"its certificate cannot be read: {error}") from None
    if certificate.dtype != dtype:
        raise FileFormatError(f"its certificate is of a network in {certificate.dtype}, not in {dtype}")
    if certificate.network_hash != network_hash(network, dtype):
        raise FileFormatError("its certificate is of another network")
    return certificate
