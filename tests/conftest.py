"""While tests run, the annotations of vanillaflow are checked: types, and shapes of arrays.

jaxtyping's import hook decorates every function with the checks of `annotation_checks`. It must be in place
before vanillaflow is imported, so the modules are found without importing any. Left out are modules with
numba kernels, as numba compiles a function's own code, not a decorated one; the command line, whose
annotations are instructions to Typer; and modules that define functions within functions called thousands of
times, as each definition would be decorated anew, which took most of the time of a test; and those that ask a
field for its values at thousands of times.

With several test processes (pytest-xdist) each runs its kernels on one thread: threads of all of them on the
same cores wait for one another, and a run takes several times as long.
"""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

import jaxtyping
import pytest
from jaxtyping import install_import_hook

# Read when numba is imported, which is later.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")


_LEFT_OUT = (
    "vanillaflow.cli",
    "vanillaflow.fields.callable_field",
    "vanillaflow.fields.in_time",
    "vanillaflow.constructions.split.shared_curves",
    "vanillaflow.constructions.refine.least_squares.least_squares",
    "vanillaflow.constructions.refine.least_squares.normal_matrix",
)


def _modules(package: str, folder: Path) -> Iterator[str]:
    """The modules of `package`, whose code is in `folder`, that are to be checked.

    To the hook, a package stands for everything in it: those that hold a kernel are not named themselves.
    """
    for module in iter_modules([str(folder)]):
        name = f"{package}.{module.name}"
        path = folder / module.name if module.ispkg else folder / f"{module.name}.py"
        if name in _LEFT_OUT:
            continue
        files = path.glob("**/*.py") if module.ispkg else [path]
        if not any("njit" in file.read_text(encoding="utf-8") for file in files):
            yield name
        elif module.ispkg:
            yield from _modules(name, path)


if any(name.partition(".")[0] == "vanillaflow" for name in sys.modules):
    raise RuntimeError("vanillaflow was imported before its annotations could be checked")
_spec = find_spec("vanillaflow")
assert _spec is not None and _spec.origin is not None
install_import_hook(sorted(_modules("vanillaflow", Path(_spec.origin).parent)), "annotation_checks.check")


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Wrong types get past the annotations, as they do outside tests, and meet the code's own checks."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


# Before xdist looks for groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of one system of the zoo go to one process, which compiles it once (zoo_cases)."""
    from vanillaflow.choices import ZOO

    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        if isinstance(name, str) and name in ZOO:
            item.add_marker(pytest.mark.xdist_group(name))
