"""How to make a report's flow again: the command, the same in Python, and the versions that made it."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from ..certificates.fingerprints import system_hash
from ..lowering.dialects import read_dialect
from ..systems import zoo
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


def python_lines(contents: Contents, command: Sequence[str] | None, compile_seed: int | None) -> str:
    """The same in Python, as far as it is known how the flow was made."""
    words = command or ()
    options = [f"seed={contents.seed}"]
    if contents.dialect not in (None, "leaky_relu"):
        options.append(f"dialect={contents.dialect!r}")
    if contents.dtype != "float64":
        options.append(f"dtype={contents.dtype!r}")
    flow = _flow_line(contents, words, compile_seed)
    report = f'vf.report(flow, system, "report.html", {", ".join(options)})'
    return "\n".join(["import vanillaflow as vf", "", _system_line(contents, words), flow, report])


def _flow_line(contents: Contents, command: Sequence[str], compile_seed: int | None) -> str:
    """How Python gets the flow or network: from the file that the command names, or by compiling."""
    for word in command:
        if word.lower().endswith(".safetensors"):
            return f"flow = vf.load({word!r})"
        if word.lower().endswith(".onnx"):
            return (
                f"from vanillaflow.export.onnx import network_from_onnx\nflow = network_from_onnx({word!r})"
            )
    made = contents.provenance
    if made is None or made.tolerance is None:
        return 'flow = vf.load("flow.safetensors")'
    slope = None if contents.dialect is None else read_dialect(contents.dialect, None)[1]
    options = [f"tol={made.tolerance!r}", f"method={made.method!r}"]
    options += [] if slope is None else [f"slope={slope!r}"]
    options += [] if compile_seed is None else [f"seed={compile_seed}"]
    network = "" if contents.dialect is not None else f".to_network({contents.network.dialect!r})"
    unknown = "  # the default seed, as the one used is not recorded" if compile_seed is None else ""
    return f"flow = vf.compile(system.target(), {', '.join(options)}){network}{unknown}"


def _system_line(contents: Contents, command: Sequence[str]) -> str:
    """How Python gets the system: from the zoo, or from the file or module that the command names."""
    for word in command:
        module, colon, name = word.partition(":")
        if colon and name.isidentifier():
            return f"from {module} import {name} as system"
    files = [word for word in command if word.lower().endswith(".toml")]
    if not files and _in_zoo(contents):
        return f"system = vf.zoo.load({contents.system.name!r})"
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
    """Whether it is the system of that name in the zoo, and not only called so."""
    name = contents.system.name
    return name in zoo.names() and system_hash(zoo.load(name).target()) == system_hash(contents.target)


def _name(contents: Contents) -> str:
    """A name from the zoo, or that of a file that the reader has."""
    return contents.system.name if _in_zoo(contents) else "system.toml"
