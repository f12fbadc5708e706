"""The documentation runs: its Python, its commands, and what it says they print and draw."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from page_blocks import DOCS, blocks, pages
from page_run import run

PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in pages()}
RUNNABLE = [page for page, text in PAGES.items() if blocks(text)]


@cache
def outcomes() -> dict:
    """What came of the blocks of each page, see `run_pages`."""
    here = Path(__file__).parent
    path = [str(here), str(DOCS / "_site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, here / "run_pages.py", *RUNNABLE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.xdist_group("pages")
@pytest.mark.parametrize("page", RUNNABLE)
def test_page_prints_and_draws_what_it_says(page):
    results = outcomes()[page]
    assert results["failed"] is None, results["failed"]
    missing = {outcome["missing"] for outcome in results["outcomes"] if outcome["missing"]}
    for block, outcome in zip(blocks(PAGES[page]), results["outcomes"], strict=True):
        if outcome["missing"]:
            continue
        if block.language == "python":
            promised = re.findall(r"^ *print\(.*\)  # (.*)$", block.text, flags=re.MULTILINE)
            assert outcome["printed"].splitlines() == promised, block.text
        assert bool(outcome["figures"]) == ("figure" in block.attributes), block.text
        for figure in outcome["figures"]:
            assert "<svg" in figure
    if missing:
        pytest.skip(f"ran, but for the blocks that need {', '.join(sorted(missing))}")


def test_every_python_block_is_found_by_a_reader_of_markdown_too():
    for page, text in PAGES.items():
        opened = len(re.findall(r"^```\w", text, flags=re.MULTILINE))
        assert opened == len(blocks(text)), page


def test_code_is_no_wider_than_the_page():
    for page, text in PAGES.items():
        for block in blocks(text):
            wide = [line for line in block.text.splitlines() if len(line) > 84]
            assert not wide, (page, wide)


def test_blocks_that_must_fail_do():
    with pytest.raises(ZeroDivisionError):
        list(run(blocks("```python\n1 / 0\n```\n")))
    with pytest.raises(RuntimeError, match="exit code 2"):
        list(run(blocks("```sh\nvanillaflow compile no_such_system --tol 1\n```\n")))
    (outcome,) = run(blocks('```python needs="no_such_module"\n1 / 0\n```\n'))
    assert outcome.missing == "no_such_module"
