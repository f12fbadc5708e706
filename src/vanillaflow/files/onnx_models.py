"""Reading ONNX files, ours or anybody's: the whole model with all its tensors, or one sentence on why not.

Tensors may lie in files beside the model, as torch.onnx.export writes them. Those are read from the folder of
the model only: not from the current directory, not by an absolute path or `..`, not by a link that leads out
of it. Where in the model a tensor stands makes no difference: initializers, attributes, subgraphs, functions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from ..errors import FileFormatError, reason_of
from . import read_bytes
from .inputs import note_input

if TYPE_CHECKING:
    from os import PathLike

# Each of them may hold the numbers of a tensor.
_DATA = ("raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data", "string_data")


def read_model(path: str | PathLike[str], most: int) -> onnx.ModelProto:
    """The model of the file, checked, with every tensor inside it and readable by numpy_helper.

    Raises FileFormatError, saying what is wrong but not with which file, for anything but a complete model,
    sparse tensors, tensors elsewhere than in the folder of the file, and if model and tensors have more than
    `most` bytes together; VanillaflowError and OutputError as `read_bytes` does.
    """
    try:
        content = read_bytes(path, most)
    except FileFormatError:
        raise FileFormatError(f"it has more than {most} bytes") from None
    folder, left = Path(os.fspath(path)).parent, most - len(content)
    try:
        model = onnx.ModelProto.FromString(content)
        # Before the checker, which would open the files that tensors refer to.
        for tensor in _tensors(model):
            if tensor.data_location == TensorProto.EXTERNAL:
                left -= _take_in(tensor, folder, left)
            _require_readable(tensor)
        onnx.checker.check_model(model)
    except FileFormatError:
        raise
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise FileFormatError(f"it is not a complete ONNX model ({reason_of(error)})") from None
    return model


def _tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in the message, at any depth, which protocol buffers limit to 100."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in [value] if isinstance(value, Message) else value:
            if isinstance(each, TensorProto):
                yield each
            elif isinstance(each, SparseTensorProto):
                raise FileFormatError("it has a sparse tensor; export it with dense ones")
            else:
                yield from _tensors(each)


def _require_readable(tensor: TensorProto) -> None:
    """Raise FileFormatError, naming the tensor, unless its numbers are there and fit its type and shape."""
    name, shape = f"its tensor {tensor.name!r}", tuple(tensor.dims)
    if tensor.data_type not in helper.get_all_tensor_dtypes():
        raise FileFormatError(f"{name} has the unknown element type {tensor.data_type}")
    if any(size < 0 for size in shape):  # NumPy would infer one that is -1.
        raise FileFormatError(f"{name} has the impossible shape {shape}")
    try:
        numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise FileFormatError(
            f"{name} has other numbers than its shape {shape} takes ({reason_of(error)})"
        ) from None


def _take_in(tensor: TensorProto, folder: Path, most: int) -> int:
    """Put the numbers that lie in another file into the tensor, and return how many bytes they are."""
    name = f"its tensor {tensor.name!r}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    # Protocol buffers hand out bytes where a text is not UTF-8.
    if not all(isinstance(text, str) for entry in entries.items() for text in entry):
        raise FileFormatError(f"{name} is kept in a file whose name is no text")
    place = _place(entries.get("location", ""), folder, name)
    note_input(place)
    try:
        with open(place, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = _whole(entries, "offset", name, 0)
            length = _whole(entries, "length", name, max(size - start, 0))
            if start + length > size:
                raise FileFormatError(
                    f"{name} is said to be {length} bytes from byte {start} of {place.name!r}, which has "
                    f"{size}"
                )
            if length > most:
                raise FileFormatError(f"{name} has {length} bytes; with those before it that is too many")
            if "checksum" in entries:
                _require_sha1(file, size, most, entries["checksum"], name)
            file.seek(start)
            numbers = file.read(length)
    except OSError as error:
        raise FileFormatError(
            f"{name} is in {place.name!r}, which cannot be read ({error.strerror})"
        ) from None
    for field in _DATA:
        tensor.ClearField(field)
    tensor.raw_data = numbers
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")
    return length


def _place(location: str, folder: Path, name: str) -> Path:
    """The regular file of the folder that `location` names, with links resolved."""
    outside = FileFormatError(
        f"it keeps tensors in other files than those of its own folder: {name} is in {location!r}"
    )
    # Windows knows either slash, and drives; such names are refused everywhere.
    given = PureWindowsPath(location)
    if not location or given.anchor or ".." in given.parts:
        raise outside
    try:
        place = Path(os.path.realpath(folder / location))
        within, there = place.is_relative_to(os.path.realpath(folder)), place.is_file()
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{name} is in {location[:80]!r}, which is no name ({error})") from None
    if not within:
        raise outside
    if not there:
        raise FileFormatError(f"{name} is in {location!r}, and there is no such file beside the model")
    return place


def _whole(entries: dict[str, str], key: str, name: str, default: int) -> int:
    text = entries.get(key)
    if text is None:
        return default
    # 18 digits: a file of more bytes than that there is none.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise FileFormatError(f"{name} has the {key} {text!r}, which is no number of bytes")
    return int(text)


def _require_sha1(file, size: int, most: int, recorded: str, name: str) -> None:
    """Raise FileFormatError unless the file has the checksum that the model knows: by the standard, SHA-1."""
    if size > most:
        raise FileFormatError(f"{name} is in a file of {size} bytes, too many to be checked")
    if hashlib.file_digest(file, "sha1").hexdigest() != recorded.lower():
        raise FileFormatError(f"{name} is in a file that was changed: it has another checksum than recorded")
