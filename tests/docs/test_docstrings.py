"""Docstrings of all that is public: in NumPy form, complete, and safe to read as Markdown, as on the site."""

import inspect
import re
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest

import vanillaflow as vf
from page_blocks import DOCS
from vanillaflow.constructions.construction import Construction
from vanillaflow.target import Target

SECTION = r"^{}\n-+\n(.*?)(?=^\w[\w ]*\n---|\Z)"


def public() -> Iterator[tuple[str, Any]]:
    """All that has a docstring, under its name: functions, classes, methods, properties, modules."""

    def walk(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
        if inspect.getdoc(thing):
            yield name, thing
        if isinstance(thing, ModuleType):
            names = getattr(thing, "__all__", None) or [
                n for n, member in vars(thing).items() if getattr(member, "__module__", "") == thing.__name__
            ]
            members = [(n, getattr(thing, n)) for n in names]
        elif isinstance(thing, type):
            members = [(n, m) for n, m in vars(thing).items() if hasattr(m, "__get__") and m.__doc__]
        else:
            members = []
        for n, member in members:
            if not n.startswith("_"):
                yield from walk(f"{name}.{n}", getattr(member, "__func__", member))

    for name in vf.__all__:
        if name != "__version__":
            yield from walk(name, getattr(vf, name))
    yield from walk("target.Target", Target)
    yield from walk("constructions.construction.Construction", Construction)


PUBLIC = dict(public())


def entries(text: str, section: str) -> list[list[str]]:
    """The names of each entry under a title such as Parameters, without stars."""
    body = re.search(SECTION.format(section), text, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^(\S.*?)(?: : .*)?$", body[1], flags=re.MULTILINE) if body else []
    return [[name.strip("*") for name in line.split(", ")] for line in lines]


def parameters(thing: Any) -> dict[str, inspect.Parameter]:
    return {n: p for n, p in inspect.signature(thing).parameters.items() if n not in ("self", "cls")}


def test_all_that_is_public_is_looked_at():
    assert len(PUBLIC) > 130
    assert {"compile", "Box.sample", "PlanarFlow.identity", "zoo.fput", "plot.layers", "Box"} <= set(PUBLIC)
    text = inspect.getdoc(PUBLIC["plot.depth_curve"])
    assert entries(text, "Parameters") == [["flows"], ["ax"], ["style"]]


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if callable(thing)])
def test_parameters_are_those_of_the_signature(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing)
    documented = entries(text, "Parameters")
    if documented:
        found = parameters(thing)
        assert [n for names in documented for n in names] == list(found)
        # The site shows the annotation and the default of the first for all of an entry.
        for names in documented:
            assert len({(str(found[n].annotation), str(found[n].default)) for n in names}) == 1, names
    elif isinstance(thing, FunctionType):
        missing = [p for p in parameters(thing) if not re.search(rf"(?<!\w){p}(?!\w)", text)]
        assert not missing


@pytest.mark.parametrize("name", PUBLIC)
def test_nothing_outside_code_is_markup(name):
    text = re.sub(r"`[^`]*`", "", inspect.getdoc(PUBLIC[name]))
    # Nor in the entries of a section: *flows, **style.
    text = re.sub(r"^\*+(?=\w+$)", "", text, flags=re.MULTILINE)
    assert not re.findall(r"\*|<[\w/!]|\]\(|\]\[", text)


def test_the_reader_of_the_site_has_nothing_to_warn_of(caplog):
    griffe = pytest.importorskip("griffe")
    package = griffe.load("vanillaflow", search_paths=[DOCS.parent / "src"])
    read = 0
    for name in PUBLIC:
        if isinstance(PUBLIC[name], ModuleType):
            continue
        found = package[name]
        docstring = (found.final_target if found.is_alias else found).docstring
        kinds = [section.kind.value for section in docstring.parse("numpy")]
        for title in ("Parameters", "Raises", "Returns", "Attributes", "Warns"):
            assert (title.lower() in kinds) == (f"{title}\n---" in docstring.value), (name, title)
        read += 1
    assert read > 130
    assert [record.getMessage() for record in caplog.records if record.name.startswith("griffe")] == []
