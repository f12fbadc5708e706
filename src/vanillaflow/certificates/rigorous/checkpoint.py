"""Checkpoints: where a long proof has got to, in a file from which it goes on.

The file holds arrays as safetensors, the stage of the proof, and what tells the proof: another one's is
refused. It is written from time to time and at an interruption, and removed when the proof is complete.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import TracebackType

import numpy as np
import safetensors
import safetensors.numpy

from ...errors import FileFormatError, VanillaflowError
from ...export.checksum import checksum
from ...export.files import read_bytes, require_writable, write_atomically

_KEY = "vanillaflow.proof"
_SECONDS = 30.0

Arrays = dict[str, np.ndarray]


class Checkpoint:
    """The file `path` of the proof that `key` tells; None for no file at all.

    As a context manager it removes the file at the end of the block, unless `unfinished` was called or an
    exception, such as Ctrl-C, ends it: then it writes what was offered last.
    """

    def __init__(self, path: str | os.PathLike[str] | None, key: str):
        self._path = None if path is None else Path(path)
        self._key = key
        self._latest: tuple[str, Callable[[], Arrays]] | None = None
        self._written = perf_counter()
        self._unfinished = False
        if self._path is not None:
            require_writable(self._path)

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        if error is not None or self._unfinished:
            self._write()
        else:
            self._path.unlink(missing_ok=True)

    def unfinished(self) -> None:
        """Keep the file: the proof can go on from it."""
        self._unfinished = True

    def offer(self, stage: str, arrays: Callable[[], Arrays]) -> None:
        """What there is now; it is written if the last time was long ago."""
        self._latest = stage, arrays
        if self._path is not None and perf_counter() - self._written > _SECONDS:
            self._write()

    def _write(self) -> None:
        if self._latest is None or self._path is None:
            return
        stage, arrays = self._latest
        tensors = {name: np.ascontiguousarray(array) for name, array in arrays().items()}
        header = {"proof": self._key, "stage": stage}
        header["sha256"] = checksum(header, tensors)
        write_atomically(self._path, safetensors.numpy.save(tensors, {_KEY: json.dumps(header)}), update=True)
        self._written = perf_counter()

    def stored(self, stage: str) -> Arrays | None:
        """The arrays of the file, if there is one and it is of that stage.

        Raises FileFormatError if it is something else, and VanillaflowError if it is of another proof.
        """
        if self._path is None or not self._path.exists():
            return None
        content, name = read_bytes(self._path, update=True), repr(os.fspath(self._path))
        try:
            tensors = safetensors.numpy.load(content)
            (length,) = struct.unpack("<Q", content[:8])
            header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_KEY])
            recorded = header.pop("sha256")
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"{os.fspath(self._path)!r} is no checkpoint of a proof ({error})"
            ) from None
        if recorded != checksum(header, tensors):
            raise FileFormatError(f"the checkpoint {name} was changed after it was written")
        if header["proof"] != self._key:
            raise VanillaflowError(
                f"the checkpoint {name} is of another network, system, goal or version; "
                "give another file, or remove it"
            )
        return tensors if header["stage"] == stage else None
