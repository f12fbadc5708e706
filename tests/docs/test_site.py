"""The site hangs together: pages in the navigation, links between them, references to all that is public."""

import re
from pathlib import Path

import pytest
import typer
import yaml

import vanillaflow as vf
from command_reference import command_reference
from page_blocks import DOCS, pages
from python_reference import listed, with_all_names
from vanillaflow.cli import app
from vanillaflow.constructions.registry import CONSTRUCTIONS

RESULTS = DOCS.parent / "benchmarks" / "results"
# As on the site: the results of benchmarks are pages, too.
SITE = {path.relative_to(DOCS).as_posix(): path for path in pages()} | {
    f"benchmarks/{path.name}": path for path in RESULTS.glob("*.md")
}


class _Loader(yaml.SafeLoader):
    """mkdocs.yml has no tags of its own today; one would not be executed here."""


def navigation() -> list[str]:
    def leaves(entry):
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values() if isinstance(entry, dict) else entry:
                yield from leaves(value)

    return list(leaves(yaml.load((DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)["nav"]))


def text_of(page: str) -> str:
    return SITE[page].read_text(encoding="utf-8").replace("<!-- the commands -->", command_reference())


def prose_of(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def test_navigation_lists_every_page_once():
    listed = navigation()
    assert sorted(listed) == sorted(SITE)


def test_links_between_pages_resolve():
    checked = 0
    for page in SITE:
        for link in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
            if link.startswith("https://"):
                continue
            target, _, anchor = link.partition("#")
            path = (SITE[page].parent if not target else DOCS / Path(page).parent / target).resolve()
            name = Path(page if not target else (Path(page).parent / target)).as_posix()
            name = re.sub(r"[^/]+/\.\./", "", name)
            if name.startswith("benchmarks/") and name not in SITE:
                assert (RESULTS / Path(name).name).exists(), (page, link)
                continue
            assert name in SITE or path.exists(), (page, link)
            assert not anchor or anchor in anchors(name), (page, link)
            checked += 1
    assert checked > 20


def test_python_reference_lists_every_public_name():
    by_hand = listed(text_of("api.md"))
    assert len(by_hand) == len(set(by_hand)) > 40
    assert set(by_hand) <= set(vf.__all__)
    assert {*listed(with_all_names(text_of("api.md"))), "__version__"} == set(vf.__all__)
    shorter = text_of("api.md").replace("::: vanillaflow.Box\n", "")
    assert "## Others\n\n::: vanillaflow.Box" in with_all_names(shorter)


def test_command_reference_says_every_command_argument_and_option():
    reference = command_reference()

    def walk(command, path):
        children = getattr(command, "commands", {})
        for name, child in children.items():
            walk(child, f"{path} {name}")
        if children:
            return
        start = reference.index(f"## {path}\n")
        section = reference[start : reference.find("\n## ", start)]
        for parameter in command.params:
            called = parameter.metavar or parameter.name.upper()
            assert any(name in section for name in (*parameter.opts, called)), (path, parameter.name)

    walk(typer.main.get_command(app), "vanillaflow")
    assert "--help" not in reference
    assert all(f"{name}: {entry.summary}" in reference for name, entry in CONSTRUCTIONS.items())


def test_formulas_become_mathml():
    pytest.importorskip("latex2mathml")
    from page_formulas import with_mathml

    html = with_mathml(r'<span class="arithmatex">\(a &lt; b\)</span> <div class="arithmatex">\[x\]</div>')
    assert html.count("<math") == 2 and "\\(" not in html and "\\[" not in html
    assert "<mo>&#x0003C;</mo>" in html
