"""The page about the architecture is true of the code: paths, rooms, doors, and the lines that it shows."""

import re
import tomllib

from page_blocks import DOCS, blocks

ROOT = DOCS.parent
PACKAGE = ROOT / "src" / "vanillaflow"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")
CONTRACT = next(
    contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    if contract["type"] == "layers"
)


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def test_paths_that_it_names_exist():
    paths = [name for name in quoted(PAGE) if re.fullmatch(r"[\w./]+(/|\.py|\.toml)", name)]
    assert len(paths) > 20
    for path in paths:
        # Files in capitals are the reader's to make, in a folder that is there.
        known = path.rpartition("/")[0] if "NAME" in path else path
        assert (PACKAGE / known).exists() or (ROOT / known).exists(), path


def test_rooms_are_those_of_the_contract_in_its_order():
    rows = re.findall(r"^\| (`.*?) \| [^`]", section("Rooms").replace("\\|", ":"), flags=re.MULTILINE)
    rooms = [re.findall(r"`(\w+)`", row) for row in rows]
    assert rooms == [re.findall(r"\w+", layer) for layer in CONTRACT["layers"]]


def test_rooms_with_a_bar_between_them_are_those_that_must_not_import_each_other():
    apart = {tuple(re.findall(r"\w+", layer)) for layer in CONTRACT["layers"] if "|" in layer}
    assert set(re.findall(r"^\| `(\w+)` \\\| `(\w+)` \|", section("Rooms"), flags=re.MULTILINE)) == apart


def test_doors_are_those_of_the_contract():
    doors = [name for name in quoted(section("Doors")) if "->" in name]
    assert doors == [door.replace("vanillaflow.", "") for door in CONTRACT["ignore_imports"]]


def test_lines_that_it_shows_are_in_the_files():
    """But for their indentation, and where they are broken."""
    shown = [block for block in blocks(PAGE) if "title" in block.attributes]
    assert shown
    for block in shown:
        file = (PACKAGE / block.attributes["title"]).read_text(encoding="utf-8")
        assert re.sub(r"\s", "", block.text) in re.sub(r"\s", "", file), block.text


def test_nouns_that_it_names_are_where_it_says():
    nouns = re.findall(r"^\| (\w+) \| .*?`([\w/]+\.py)` \|", PAGE, flags=re.MULTILINE)
    assert len(nouns) == 7
    for noun, path in nouns:
        assert f"class {noun}" in (PACKAGE / path).read_text(encoding="utf-8"), noun
