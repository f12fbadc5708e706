"""The command line reference, from the command line itself."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from html import escape
from typing import Any

import typer

from vanillaflow.cli import app


def command_reference() -> str:
    """Markdown: a section for every command, with its usage, help, arguments and options."""
    root = typer.main.get_command(app)
    return "\n\n".join(_section(root, ["vanillaflow"]))


def _section(command: Any, path: list[str]) -> Iterator[str]:
    context = command.context_class(command, info_name=" ".join(path))
    children = getattr(command, "commands", {})
    if children:
        if len(path) > 1:
            yield f"## {' '.join(path)}"
            yield _prose(command.help)
        for name, child in children.items():
            yield from _section(child, [*path, name])
        return
    yield f"## {' '.join(path)}"
    pieces = re.sub(r"[{}]", "", " ".join(command.collect_usage_pieces(context)))
    yield f"```text\n{' '.join(path)} {pieces}\n```"
    yield _prose(command.help)
    yield "| argument or option | meaning |\n|---|---|\n" + "\n".join(_rows(command, context))


def _rows(command: Any, context: Any) -> Iterator[str]:
    # Some commands fill in their options only when help is asked for, which may print it.
    with contextlib.redirect_stdout(io.StringIO()):
        command.get_help(context)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in record[0]:
            name, text = record
            yield f"| <code>{escape(_cell(name))}</code> | {_words(_cell(text))} |"


def _prose(text: str | None) -> str:
    """Help as Markdown; examples, lines that begin with the program's name, are code."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or "").replace("\b", "")):
        lines = [line.strip() for line in paragraph.strip().splitlines()]
        words = [line for line in lines if not line.startswith("vanillaflow ")]
        examples = [line for line in lines if line.startswith("vanillaflow ")]
        if words:
            parts.append(_words(" ".join(words)))
        if examples:
            parts.append("```text\n" + "\n".join(examples) + "\n```")
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", " or ")


def _words(text: str) -> str:
    """Nothing in help is Markdown."""
    return re.sub(r"([*_<\[\]])", r"\\\1", text)
