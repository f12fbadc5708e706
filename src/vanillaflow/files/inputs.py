"""No input is ever an output: which files one command reads, and which it is asked to write.

Every reader of files says what it reads, and every writer asks. Two names are one file if they lead to the
same place, with links and `..` resolved, or to the same inode, as hard links do. Outside of a command, as in
Python, files may be read and written at will.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..errors import OutputError

if TYPE_CHECKING:
    from os import PathLike


class _File(NamedTuple):
    """The name that the user gave, where it leads, and device and inode if there is such a file."""

    name: str
    place: str
    inode: tuple[int, int] | None

    def same(self, other: _File) -> bool:
        return self.place == other.place or (self.inode is not None and self.inode == other.inode)


@dataclass(frozen=True)
class _Command:
    inputs: list[_File] = field(default_factory=list)
    outputs: list[_File] = field(default_factory=list)


_COMMAND: ContextVar[_Command | None] = ContextVar("_COMMAND", default=None)


@contextmanager
def keep_inputs() -> Iterator[None]:
    """Within this block, one command, no file that is read is written, and none is written twice."""
    token = _COMMAND.set(_Command())
    try:
        yield
    finally:
        _COMMAND.reset(token)


def note_input(path: str | PathLike[str]) -> None:
    """The file `path` is going to be read. Raises OutputError if the command was asked to write it."""
    command = _COMMAND.get()
    if command is None:
        return
    file = _file(path)
    for output in command.outputs:
        if file.same(output):
            raise _clash(output, file)
    command.inputs.append(file)


def note_output(path: str | PathLike[str]) -> None:
    """The command is asked to write `path`, which is known before anything is read or computed.

    Raises OutputError if that is a file that it reads, or that it was asked to write before.
    """
    command = _COMMAND.get()
    if command is None:
        return
    require_no_input(path)
    file = _file(path)
    for other in command.outputs:
        if file.same(other):
            as_what = "" if file.name == other.name else f", as {other.name!r} before"
            raise OutputError(f"cannot write {file.name!r} twice{as_what}: give every output its own name")
    command.outputs.append(file)


def require_no_input(path: str | PathLike[str]) -> None:
    """Raise OutputError if `path` is a file that the command has read."""
    command = _COMMAND.get()
    if command is None:
        return
    file = _file(path)
    for read in command.inputs:
        if file.same(read):
            raise _clash(file, read)


def _clash(output: _File, read: _File) -> OutputError:
    same = "it" if output.name == read.name else f"it is the file {read.name!r}, which"
    return OutputError(
        f"cannot write {output.name!r}: {same} is an input of this command; give the output another name"
    )


def _file(path: str | PathLike[str]) -> _File:
    """Raises nothing: a name that leads nowhere is refused by who opens it."""
    name = os.fspath(path)
    try:
        place = os.path.normcase(os.path.realpath(name))
    except (OSError, ValueError):
        return _File(name, name, None)
    try:
        found = os.stat(place)
    except (OSError, ValueError):
        return _File(name, place, None)
    return _File(name, place, (found.st_dev, found.st_ino))
