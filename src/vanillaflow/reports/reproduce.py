"""How to make a report's flow again: the command, the same in Python, and the versions that made it."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from ..fields import zoo
from .contents import Contents

_PACKAGES = ("numpy", "scipy", "numba")


def command_line(contents: Contents, command: Sequence[str] | None) -> str:
    """The command that was given, or one that compiles the system to the same tolerance."""
    if command is not None:
        return shlex.join(["vanillaflow", *command])
    provenance = contents.provenance
    words = ["vanillaflow", "report", _name(contents)]
    if provenance is not None and provenance.tolerance is not None:
        words += ["--tol", f"{provenance.tolerance:g}", "--method", provenance.method]
    return shlex.join([*words, "-o", "report.html"])


def python_lines(contents: Contents, command: Sequence[str] | None, compile_seed: int) -> str:
    """The same in Python, as far as it is known how the flow was made."""
    provenance = contents.provenance
    lines = ["import vanillaflow as vf", "", _system_line(contents, command or ())]
    if provenance is None or provenance.tolerance is None:
        lines.append('flow = vf.load("flow.safetensors")')
    else:
        options = f"tol={provenance.tolerance:g}, method={provenance.method!r}, seed={compile_seed}"
        lines.append(f"flow = vf.compile(system.target(), {options})")
    dialect = contents.network.dialect
    shape = "" if dialect == "leaky_relu" else f", dialect={dialect!r}"
    lines.append(f'vf.report(flow, system, "report.html", seed={contents.seed}{shape})')
    return "\n".join(lines)


def _system_line(contents: Contents, command: Sequence[str]) -> str:
    """How Python gets the system: from the zoo, or from the file or module that the command names."""
    if _in_zoo(contents):
        return f"system = vf.zoo.load({contents.system.name!r})"
    for word in command:
        module, colon, name = word.partition(":")
        if colon and name.isidentifier():
            return f"from {module} import {name} as system"
    files = [word for word in command if word.lower().endswith(".toml")]
    return f"system = vf.load_system({next(iter(files), _name(contents))!r})"


def versions(contents: Contents) -> list[tuple[str, str]]:
    """(what, version) of everything that the numbers depend on."""
    from .. import __version__

    made = contents.provenance
    found = [("vanillaflow", __version__)]
    if made is not None and made.version != __version__:
        found.append(("vanillaflow of the compilation", made.version))
    found.append(("Python", platform.python_version()))
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found


def _in_zoo(contents: Contents) -> bool:
    return contents.system.name in zoo.names()


def _name(contents: Contents) -> str:
    """A name from the zoo, or that of a file that the reader has."""
    return contents.system.name if _in_zoo(contents) else "system.toml"
