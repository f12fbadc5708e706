"""Writes examples/theorem.ipynb: the page docs/theorem.md as a notebook, without outputs.

    python docs/_site/theorem_notebook.py

A test compares the two, so that they stay one.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from page_blocks import DOCS, blocks

PAGE = DOCS / "theorem.md"
NOTEBOOK = DOCS.parent / "examples" / "theorem.ipynb"


def notebook(page: str) -> str:
    """The text of the notebook: a cell for every block of Python, and one for the prose before each."""
    cells: list[dict[str, Any]] = []
    done = 0
    for block in blocks(page):
        _add(cells, "markdown", _prose(page[done : block.start]))
        _add(cells, "code", block.text.strip("\n"))
        if "figure" in block.attributes:
            _add(cells, "markdown", f"*{block.attributes['figure']}*")
        done = block.end
    _add(cells, "markdown", _prose(page[done:]))
    for cell, after in pairwise(cells):
        # A caption and the prose that follows it.
        if cell["cell_type"] == after["cell_type"] == "markdown":
            after["source"] = [*cell["source"], "\n\n", *after["source"]]
            cell["source"] = []
    cells = [cell for cell in cells if cell["source"]]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {
            "cells": cells,
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
        ensure_ascii=False,
    )


def _add(cells: list[dict[str, Any]], kind: str, text: str) -> None:
    if not text:
        return
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    cells.append(cell)


def _prose(text: str) -> str:
    """Without links to other pages, which a notebook does not have beside it."""
    return re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text).strip()


def write(path: Path = NOTEBOOK) -> None:
    path.write_text(notebook(PAGE.read_text(encoding="utf-8")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
