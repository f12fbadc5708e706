"""What the shell offers while one types. It must answer at once: nothing heavy is imported.

Where nothing is offered here, shells offer files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..choices import ZOO
from ..errors import VanillaflowError

# Names that no shell would have to quote.
_PLAIN = re.compile(r"[\w./+-]+")


def among(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Completes to one of the words, for Typer."""
    known = tuple(words)

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return complete


def complete_system(incomplete: str) -> list[str]:
    """Names of the zoo, and the TOML files of the directory that is typed so far."""
    directory, slash, begun = incomplete.rpartition("/")
    try:
        files = sorted(entry.name for entry in Path(directory + slash or ".").glob("*.toml"))
    except (OSError, ValueError):
        files = []
    return [
        *among(ZOO)(incomplete),
        *[directory + slash + name for name in files if name.startswith(begun) and _PLAIN.fullmatch(name)],
    ]


def require_known_shell(arguments: Sequence[str]) -> None:
    """Raise VanillaflowError if completion is asked for, and which shell for cannot be told."""
    wanted = [option for option in ("--install-completion", "--show-completion") if option in arguments]
    if not wanted:
        return
    try:
        import shellingham
    except ModuleNotFoundError:  # Then Typer takes the shell's name after the option.
        return
    try:
        shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        raise VanillaflowError(
            f"{wanted[0]} cannot tell which shell this is; run it from bash, zsh, fish or PowerShell"
        ) from None
