"""Running a page: its blocks in order, in an empty directory, with one namespace for its Python.

The site's figures come from here, and so do the tests of the documentation: both see the same run.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot as plt

import vanillaflow as vf
from page_blocks import Block
from vanillaflow.cli import main
from vanillaflow.display.palette import SERIES

# Written in this colour, labels and axes take on that of the page's text, in light and in dark.
INK = "#12345a"
STYLE: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.prop_cycle": matplotlib.cycler(color=SERIES),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.framealpha": 0.0,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "vanillaflow",
}


@dataclass(frozen=True)
class Outcome:
    """What a block printed, and its figures as SVG; or what it needs that is not here."""

    block: Block
    printed: str = ""
    figures: tuple[str, ...] = ()
    missing: str | None = None


def run(blocks: list[Block], compile: Callable[..., Any] | None = None) -> Iterator[Outcome]:
    """The outcome of every block that can be run.

    `compile` takes the place of vf.compile, for who remembers its results. A block that fails raises what it
    raised; a command that fails raises RuntimeError with its messages.
    """
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    before, own = os.getcwd(), vf.compile
    with tempfile.TemporaryDirectory() as empty, plt.rc_context(STYLE):
        os.chdir(empty)
        vf.compile = compile or own
        try:
            for block in blocks:
                missing = _missing(block)
                yield Outcome(block, missing=missing) if missing else _outcome(block, names)
        finally:
            vf.compile = own
            os.chdir(before)
            plt.close("all")


def _missing(block: Block) -> str | None:
    names = block.attributes.get("needs", "").split()
    absent = [name for name in names if shutil.which(name) is None and find_spec(name) is None]
    return ", ".join(absent) or None


def _outcome(block: Block, names: dict[str, Any]) -> Outcome:
    printed = io.StringIO()
    if block.attributes.get("run") == "no":
        return Outcome(block)
    if block.language == "python":
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, "page", "exec"), names)  # noqa: S102 - our own pages
        return Outcome(block, printed.getvalue(), tuple(_drawn()))
    if block.language == "sh":
        with contextlib.redirect_stdout(printed):
            for line in block.text.splitlines():
                _command(line)
        return Outcome(block, printed.getvalue())
    if "title" in block.attributes:
        Path(block.attributes["title"]).write_text(block.text, encoding="utf-8")
    return Outcome(block)


def _command(line: str) -> None:
    if not line.startswith("vanillaflow "):
        done = subprocess.run(line, shell=True, capture_output=True, text=True)
        print(done.stdout, end="")
        code, messages = done.returncode, done.stderr
    else:
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            code = main(shlex.split(line)[1:])
        messages = errors.getvalue()
    if code != 0:
        raise RuntimeError(f"{line}: exit code {code}: {messages}")


def _drawn() -> Iterator[str]:
    """The open figures as SVG, which are closed."""
    for number in plt.get_fignums():
        text = io.StringIO()
        # Without a date the same figure is the same text.
        plt.figure(number).savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        yield text.getvalue()
    plt.close("all")
