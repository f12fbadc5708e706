"""What MkDocs calls while it builds the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from added_files import add_font, add_results
from command_reference import command_reference
from page_figures import placed, with_figures
from page_formulas import with_mathml
from python_reference import with_all_names

# What a browser fetches of itself.
_FETCHED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(https?:[^\"'\s>]+)|"
    r"<link[^>]*rel=[\"']?(?:stylesheet|preconnect|icon)[^>]*href=[\"']?(https?:[^\"'\s>]+)"
)
_COMMANDS = "<!-- the commands -->"


def on_files(files: Any, config: Any) -> Any:
    add_results(files, config)
    add_font(files, config)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    page.meta["source"] = markdown
    if page.file.src_uri.startswith("benchmarks/"):
        # Their tables are wide.
        page.meta["hide"] = ["toc"]
    if _COMMANDS in markdown:
        markdown = markdown.replace(_COMMANDS, command_reference())
    return with_figures(with_all_names(markdown))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    return placed(with_mathml(html), page.meta["source"])


def on_post_build(config: Any) -> None:
    """Raises RuntimeError if a page would fetch anything from elsewhere: the site works offline."""
    for page in Path(config.site_dir).rglob("*.html"):
        for found in _FETCHED.finditer(page.read_text(encoding="utf-8")):
            raise RuntimeError(f"{page.name} fetches {found[1] or found[2]}")
