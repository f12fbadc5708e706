"""Files of the site that are not in docs/: results of benchmarks, and the font of formulas."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from page_blocks import DOCS

# A font with the tables that MathML needs; what readers have installed differs. ziamath brings STIX Two Math.
FONT = Path(find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
RESULTS = DOCS.parent / "benchmarks" / "results"


def add_font(files: Files, config: MkDocsConfig) -> None:
    files.append(File.generated(config, FONT.name, abs_src_path=str(FONT)))


def add_results(files: Files, config: MkDocsConfig) -> None:
    """A page or an image of the site for each Markdown file and image there."""
    for path in sorted(RESULTS.iterdir()):
        if path.suffix in (".md", ".png", ".svg"):
            files.append(File.generated(config, f"benchmarks/{path.name}", abs_src_path=str(path)))
