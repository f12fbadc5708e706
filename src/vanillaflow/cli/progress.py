"""What is shown while a command works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .text import one_line


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner with the elapsed stages above it; on anything but a terminal, the stages only."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)

    def report(line: str) -> None:
        console.print(f"  {one_line(line)}", markup=False, soft_wrap=True, style="dim")

    with console.status(one_line(what).replace("[", r"\[")):
        yield report
