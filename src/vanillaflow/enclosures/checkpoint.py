"""Checkpoints: where a long proof has got to, in a file from which it goes on.

The file holds arrays as safetensors, the stage of the proof, and what tells the proof: another one's is
refused. It is written from time to time and at an interruption, and removed when the proof is complete. Its
checksum detects accidents; that what it says is true is looked at by who goes on from it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType

import numpy as np
import safetensors
import safetensors.numpy

from ..errors import FileFormatError, ProofInterrupted
from ..files import read_bytes, require_writable, write_atomically
from ..files.checksum import checksum
from ..files.leftovers import remove_leftovers

_KEY = "vanillaflow.proof"
_SECONDS = 30.0
STAGES = ("patches", "cells")

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Stored:
    """What a checkpoint holds: its arrays and the stage of the proof, one of STAGES."""

    path: Path
    stage: str
    arrays: Arrays

    def array(self, name: str, kind: type, *shape: int | None) -> np.ndarray:
        """The array of that name, of type float64 or int64 and that shape, None for any length.

        Raises FileFormatError, naming the file, if there is none such.
        """
        array = self.arrays.get(name)
        if array is None:
            raise self.refusal(f"it has no array {name}")
        fits = array.ndim == len(shape) and all(want in (None, n) for n, want in zip(array.shape, shape))
        if array.dtype != np.dtype(kind) or not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise self.refusal(
                f"its array {name} is of type {array.dtype} and shape {array.shape}, not {np.dtype(kind)} "
                f"and ({wanted})"
            )
        return array

    def refusal(self, reason: str) -> FileFormatError:
        return FileFormatError(
            f"the checkpoint {os.fspath(self.path)!r} is refused: {reason}; remove it to start anew"
        )


class Checkpoint:
    """The file `path` of the proof that `key` tells; None for no file at all.

    As a context manager it removes the file at the end of the block, unless `unfinished` was called or an
    exception ends it: then it writes what was offered last. Ctrl-C becomes ProofInterrupted, which names the
    file, if there is one then.
    """

    def __init__(self, path: str | os.PathLike[str] | None, key: str):
        self._path = None if path is None else Path(path)
        self._key = key
        self._latest: tuple[str, Callable[[], Arrays]] | None = None
        self._written = perf_counter()
        self._unfinished = False
        if self._path is not None:
            # A proof that is done before it writes would leave what one that was killed while writing left.
            remove_leftovers(require_writable(self._path).parent)

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        if error is None and not self._unfinished:
            self._path.unlink(missing_ok=True)
            return
        self._write()
        if isinstance(error, KeyboardInterrupt) and self._path.exists():
            raise ProofInterrupted(self._path) from error

    def keep(self) -> None:
        """Keep the file, with what was offered so far: the proof can go on from that. What is offered from
        now on was made in a hurry."""
        self._unfinished = True

    def offer(self, stage: str, arrays: Callable[[], Arrays]) -> None:
        """What there is now; it is written if the last time was long ago."""
        if self._unfinished:
            return
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

    def read(self) -> Stored | None:
        """What the file holds, if there is one.

        Raises FileFormatError if it is something else, was changed, or is of another proof.
        """
        if self._path is None or not self._path.exists():
            return None
        content, name = read_bytes(self._path, update=True), repr(os.fspath(self._path))
        try:
            tensors = safetensors.numpy.load(content)
            (length,) = struct.unpack("<Q", content[:8])
            header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_KEY])
            recorded, key, stage = header.pop("sha256"), header["proof"], header["stage"]
            unchanged = recorded == checksum(header, tensors)
        except (
            *(safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError),
            *(RecursionError, OverflowError),
        ) as error:
            raise FileFormatError(f"{name} is no checkpoint of a proof ({error})") from None
        if not unchanged:
            raise FileFormatError(f"the checkpoint {name} was changed after it was written")
        if key != self._key:
            raise FileFormatError(
                f"the checkpoint {name} is of another network, system, goal or version; "
                "give another file, or remove it"
            )
        stored = Stored(self._path, str(stage), tensors)
        if stage not in STAGES:
            raise stored.refusal(f"its stage is {stage!r}, and no proof has such")
        return stored
