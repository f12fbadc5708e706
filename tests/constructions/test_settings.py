"""Tunable numbers: all are settings, none is idle, and constructions obey those that they are given."""

import ast
from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import constructions
from vanillaflow.constructions.construction import Limits
from vanillaflow.constructions.refine.construction import Refine
from vanillaflow.constructions.refine.settings import Settings as OfRefine
from vanillaflow.constructions.split.construction import Split
from vanillaflow.constructions.split.settings import Settings as OfSplit

SOURCES = {path: ast.parse(path.read_text()) for path in Path(constructions.__path__[0]).rglob("*.py")}
SETTINGS = [
    getattr(module, name)
    for module in (
        import_module(found.name)
        for found in walk_packages(constructions.__path__, f"{constructions.__name__}.")
        if "settings" in found.name or found.name.endswith("paper")
    )
    for name, value in vars(module).items()
    if is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]


def is_numeric(value: ast.expr | None) -> bool:
    """Whether it is a number, or a sequence or table with numbers in it."""
    match value:
        case ast.Constant(value=number):
            return isinstance(number, int | float) and not isinstance(number, bool)
        case ast.UnaryOp(operand=operand) | ast.Starred(value=operand):
            return is_numeric(operand)
        case ast.BinOp(left=left, right=right):
            return is_numeric(left) or is_numeric(right)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            return any(map(is_numeric, parts))
    return False


def test_no_module_has_numbers_of_its_own():
    assert len(SOURCES) > 40
    assert [
        f"{path}:{statement.lineno}"
        for path, tree in SOURCES.items()
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and is_numeric(statement.value)
    ] == []


def test_no_setting_is_idle():
    read = {
        node.attr for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    assert len(SETTINGS) > 15
    assert [f"{each}.{own.name}" for each in SETTINGS for own in fields(each) if own.name not in read] == []


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_settings_stay_as_they_are(settings):
    made = settings()
    assert hash(made) == hash(settings()) and made == settings()
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, 0)


def test_a_split_takes_the_steps_that_it_is_given():
    target = vf.zoo.pendulum().target()
    for steps in (2, 3):
        made = Split(target, Limits(), schemes=("strang",), settings=OfSplit(steps=(steps,))).within(0.2)
        assert f"{steps} steps" in made.how


def test_a_refinement_keeps_the_kappas_that_it_is_given():
    """Without these settings its kappas are 0.89 and 1.12."""
    least, most = range_ = (0.95, 1.05)
    made = Refine(vf.zoo.pendulum().target(), Limits(), settings=OfRefine(kappa_range=range_)).within(0.3)
    assert made.flow.kinks and np.all((made.flow.kappa > least - 1e-9) & (made.flow.kappa < most + 1e-9))
