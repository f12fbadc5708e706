"""The fenced blocks of a page: what language, what attributes, what text, and where.

    ```python figure="The flow bends the grid."
    vf.plot.grid_image(target)
    ```

Attributes, all optional: `title` names the file that a toml or lisp block is written to; `figure` is the
caption of what a python block draws; `needs` names programs or modules without which the block is not run;
`run="no"` says that nobody runs it but the reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1]

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Block:
    language: str
    attributes: dict[str, str]
    text: str
    start: int
    end: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page's text, in order."""
    return [
        Block(found[1], dict(_ATTRIBUTE.findall(found[2])), found[3], *found.span())
        for found in _FENCE.finditer(page)
    ]


def pages() -> list[Path]:
    """The pages that are written by hand, in alphabetical order."""
    return sorted(path for path in DOCS.rglob("*.md") if "_site" not in path.parts)
