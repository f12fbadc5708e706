"""Docstrings of this project as Markdown, for mkdocstrings.

They are plain text: paragraphs, and sections whose entries are `name : what it is`, continued on indented
lines, under an underlined title such as Parameters. Sections become bold titles with lists of entries.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Any

import griffe

_TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}$", flags=re.MULTILINE)
_ENTRY = re.compile(r"^(\S.*?) : (.*(?:\n[ \t]+.*)*)", flags=re.MULTILINE)


class PlainDocstrings(griffe.Extension):
    """Rewrites every docstring that griffe has read."""

    def on_object(self, *, obj: griffe.Object, **options: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring with its sections as lists, and nothing in it taken for markup."""
    text = _escaped(cleandoc(text))
    head, *sections = _TITLE.split(text)
    parts = [head.rstrip()]
    for title, body in zip(sections[::2], sections[1::2]):
        entries = _ENTRY.sub(_listed, body.strip("\n"))
        parts.append(f"**{title}**\n\n{entries}")
    # Outside sections, lists of values: `"split" : what it is`.
    parts[0] = _ENTRY.sub(_listed, parts[0])
    return "\n\n".join(parts)


def _listed(entry: re.Match[str]) -> str:
    words = " ".join(entry[2].split())
    return f"\n- **`{_raw(entry[1])}`** {words}"


def _escaped(text: str) -> str:
    """Nothing outside backticks is markup."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _raw(text: str) -> str:
    return re.sub(r"\\([*<\[\]])", r"\1", text)
