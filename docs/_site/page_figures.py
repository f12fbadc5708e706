"""Figures of the pages: drawn by the code that stands there, kept until that code or the package changes."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from html import escape
from pathlib import Path

import vanillaflow
from page_blocks import DOCS, Block, blocks
from page_run import INK, run

KEPT = DOCS.parent / "out" / "docs-figures"


def with_figures(page: str) -> str:
    """The page with a place for every figure below the block that draws it; `placed` fills them."""
    parts, done = [], 0
    for number, block in enumerate(blocks(page)):
        parts.append(page[done : block.start])
        title = f' title="{block.attributes["title"]}"' if "title" in block.attributes else ""
        parts.append(f"```{block.language}{title}\n{block.text}```")
        if "figure" in block.attributes:
            parts.append(f'\n\n<figure data-figure="{number}"></figure>\n')
        done = block.end
    return "".join([*parts, page[done:]])


def placed(html: str, page: str) -> str:
    """The page with its figures in place."""
    found = blocks(page)
    if not any("figure" in block.attributes for block in found):
        return html
    drawn = _drawn(found)

    def figure(place: re.Match[str]) -> str:
        number = int(place[1])
        caption = found[number].attributes["figure"]
        images = "".join(_inline(svg, caption) for svg in drawn[str(number)])
        return f"<figure data-search-exclude>{images}<figcaption>{escape(caption)}</figcaption></figure>"

    return re.sub(r'<figure data-figure="(\d+)"></figure>', figure, html)


def _drawn(found: list[Block]) -> dict[str, list[str]]:
    """The SVGs of every block that has a figure."""
    runs = [[b.language, b.attributes, b.text] for b in found]
    key = hashlib.sha256(json.dumps([runs, _package(), _runner()]).encode()).hexdigest()[:24]
    kept = KEPT / f"{key}.json"
    if not kept.exists():
        drawn = {str(i): list(outcome.figures) for i, outcome in enumerate(run(found)) if outcome.figures}
        wanted = {str(i) for i, block in enumerate(found) if "figure" in block.attributes}
        if drawn.keys() != wanted:
            raise RuntimeError(f"blocks {sorted(wanted)} should draw a figure, {sorted(drawn)} do")
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(drawn), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


@cache
def _package() -> str:
    """Changes whenever the package does."""
    digest = hashlib.sha256()
    for path in sorted(Path(vanillaflow.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _runner() -> str:
    return (Path(__file__).parent / "page_run.py").read_text(encoding="utf-8")


def _inline(svg: str, caption: str) -> str:
    """The SVG as a part of the page, with its text in the page's colour."""
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(caption, quote=True)}"', 1)
