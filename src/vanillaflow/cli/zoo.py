"""`vanillaflow zoo`: the systems that come with the package."""

from __future__ import annotations

import inspect
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

import typer

from ..choices import ZOO
from ..errors import VanillaflowError
from .completion import among
from .text import box_text, rows

if TYPE_CHECKING:
    from ..systems.system import System

zoo_app = typer.Typer(
    help="The systems that come with vanillaflow.",
    epilog="\b\nExamples:\n  vanillaflow zoo list\n  vanillaflow zoo show lorenz",
)

# Systems with more equations than this are told by their general equation.
_FEW = 6


@zoo_app.command("list")
def list_systems() -> None:
    """List the systems: name, dimension, box, duration, equations.

    \b
    Example:
      vanillaflow zoo list
    """
    from ..systems import zoo

    lines = [("name", "d", "box", "duration", "what it is")]
    for name in zoo.names():
        system = zoo.load(name)
        what = inspect.getdoc(getattr(zoo, name)) or ""
        lines.append(
            (
                name,
                str(system.domain.dim),
                box_text(system.domain),
                f"{system.duration:g}",
                what.split("\n")[0],
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    for *cells, what in lines:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths)), what]))


@zoo_app.command("show")
def show_system(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name from `vanillaflow zoo list`.", autocompletion=among(ZOO)),
    ],
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the system's TOML file, to start a system of your own from.")
    ] = False,
) -> None:
    """Show one system: equations, box, duration, source.

    \b
    Examples:
      vanillaflow zoo show pendulum
      vanillaflow zoo show pendulum --toml > mine.toml
    """
    from ..systems import zoo

    system = zoo.load(name)
    text = _toml_text(name)
    if toml:
        if text is None:
            raise VanillaflowError(f"{name} is built in Python and has no TOML file; pendulum, for one, has")
        print(text, end="")
        return
    print(f"{name}\n")
    print(rows(_system_rows(system, text)))
    print()
    print(_comment(text) if text is not None else inspect.getdoc(getattr(zoo, name)))


def _system_rows(system: System, text: str | None) -> list[tuple[str, str]]:
    parameters = tomllib.loads(text).get("parameters", {}) if text is not None else {}
    from ..fields.ridge import ridge_segments

    ridges = [str(field) for field, _ in ridge_segments(system.field, system.duration)]
    return [
        *[("equations" if i == 0 else "", equation) for i, equation in enumerate(system.equations)],
        *[("parameters", ", ".join(f"{key} = {value:.6g}" for key, value in parameters.items()))][
            : len(parameters)
        ],
        ("variables", ", ".join(_shorten(system.variables))),
        ("box", box_text(system.domain)),
        ("duration", f"{system.duration:g}"),
        ("compiled as", "; ".join(ridges)),
    ]


def _shorten(names: tuple[str, ...]) -> list[str]:
    return list(names) if len(names) <= _FEW else [*names[:2], "...", names[-1]]


def _toml_text(name: str) -> str | None:
    """The TOML file of a system, None if it has none."""
    resource = files("vanillaflow.systems.zoo") / f"{name}.toml"
    return resource.read_text(encoding="utf-8") if resource.is_file() else None


def _comment(text: str) -> str:
    """The comment at the head of a TOML file: what the system is, and its source."""
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").strip())
    return "\n".join(head)
