"""Files: written whole or not at all, and read with one clear sentence when they cannot be."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..choices import file_nearby
from ..errors import FileFormatError, OutputError, VanillaflowError
from .inputs import note_input, require_no_input
from .leftovers import temporary_beside

if TYPE_CHECKING:
    from os import PathLike


def require_writable(path: str | PathLike[str]) -> Path:
    """Where a file called `path` would be written, with symbolic links resolved.

    Raises OutputError if it cannot be: no such directory, no permission, or something that is no regular
    file in its place. Cheap, so that a long computation can ask before it starts.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"cannot write {os.fspath(path)!r}: it is a directory")
        if mode is not None and not stat.S_ISREG(mode):
            raise OutputError(f"cannot write {os.fspath(path)!r}: it is not a regular file")
        if not target.parent.is_dir():
            raise OutputError(
                f"cannot write {os.fspath(path)!r}: there is no directory {os.fspath(target.parent)!r}"
            )
        if not os.access(target.parent, os.W_OK | os.X_OK) or (
            mode is not None and not os.access(target, os.W_OK)
        ):
            raise OutputError(f"cannot write {os.fspath(path)!r}: permission denied")
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {os.fspath(path)!r}: {_reason(error)}") from None
    return target


def write_atomically(path: str | PathLike[str], content: bytes, update: bool = False) -> None:
    """Write `content` to `path` so that a reader finds the old file or the new one, never a part.

    The permissions of a replaced file are kept; a new file gets those that the umask allows. Raises
    OutputError if it cannot be written, and leaves nothing behind then; that a command has read the file is
    a reason, too, unless it is an `update` of what was read. What killed processes left there is removed.
    """
    target = require_writable(path)
    if not update:
        require_no_input(path)
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        with temporary_beside(target) as temporary:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write {os.fspath(path)!r}: {_reason(error)}") from error


def read_bytes(path: str | PathLike[str], most: int | None = None, update: bool = False) -> bytes:
    """The content of the file, an input of the command unless it is read for an `update`.

    Raises VanillaflowError in one sentence if it is missing or unreadable, FileFormatError if it has more
    than `most` bytes, and OutputError if the command was asked to write it.
    """
    name = os.fspath(path)
    if not update:
        note_input(path)
    try:
        with open(path, "rb") as file:
            content = file.read() if most is None else file.read(most + 1)
    except FileNotFoundError:
        raise VanillaflowError(f"there is no file {name!r}{file_nearby(Path(name))}") from None
    except IsADirectoryError:
        raise VanillaflowError(f"{name!r} is a directory, not a file") from None
    except (OSError, ValueError) as error:
        raise VanillaflowError(f"cannot read {name!r}: {_reason(error)}") from None
    if most is not None and len(content) > most:
        raise FileFormatError(f"cannot read {name!r}: it has more than {most} bytes")
    return content


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
