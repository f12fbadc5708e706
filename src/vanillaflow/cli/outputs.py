"""What a command is asked to write, refused before it reads or computes anything if it cannot be written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import OutputError


def require_output(path: Path, suffixes: Collection[str]) -> None:
    """Raise OutputError unless the name ends in one of the suffixes, the command does not read that file nor
    write it twice, and it can be written. The suffix "" stands for a name without one."""
    from ..files import require_writable
    from ..files.inputs import note_output

    if path.suffix.lower() not in suffixes:
        *most, last = [suffix for suffix in suffixes if suffix]
        known = f"{', '.join(most)} or {last}" if most else last
        raise OutputError(f"cannot write {str(path)!r}: the name must end in {known}")
    require_writable(path)
    note_output(path)
