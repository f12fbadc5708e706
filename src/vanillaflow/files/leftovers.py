"""Temporary files beside what is being written, and those of processes that were killed meanwhile.

A name tells the machine and the process that writes: `.vanillaflow-MACHINE-PROCESS-TOKEN.tmp`. What belongs
to no living process of this machine is of no use to anybody, and removed by the next one that writes there.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

_MACHINE = sha256(socket.gethostname().encode()).hexdigest()[:8]
_NAME = re.compile(r"\.vanillaflow-(?:([0-9a-f]{8})-([0-9]{1,10})-)?[0-9a-f]{12}\.tmp")
# Names without a process were given by 0.1.0, and those of other machines name none that could be asked here.
# Seconds after which nobody writes to a file any more that was not written to meanwhile: a heuristic, as
# writing takes seconds at most.
_ABANDONED = 3600.0
# Of this process: another one may have had its number before.
_being_written: set[Path] = set()


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """The path of a file that is not there yet, in the same directory; it is gone at the end of the block.

    Those of processes that were killed are removed first.
    """
    remove_leftovers(target.parent)
    path = target.with_name(f".vanillaflow-{_MACHINE}-{os.getpid()}-{secrets.token_hex(6)}.tmp")
    _being_written.add(path)
    try:
        yield path
    finally:
        # Also after KeyboardInterrupt: a half-written file must go.
        path.unlink(missing_ok=True)
        _being_written.discard(path)


def remove_leftovers(directory: Path) -> None:
    """Remove what killed processes left there. What cannot be removed, or looked at, stays: it is in nobody's
    way."""
    with suppress(OSError):
        for name in os.listdir(directory):
            match = _NAME.fullmatch(name)
            if match is not None and _is_abandoned(directory / name, *match.groups()):
                with suppress(OSError):
                    (directory / name).unlink()


def _is_abandoned(path: Path, machine: str | None, process: str | None) -> bool:
    if machine == _MACHINE and process is not None and os.name == "posix":
        if int(process) == os.getpid():
            return path not in _being_written
        try:
            # Signal 0 is not sent: it only asks whether there is such a process.
            os.kill(int(process), 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            pass
        return False
    try:
        return time.time() - path.lstat().st_mtime > _ABANDONED
    except OSError:
        return False
