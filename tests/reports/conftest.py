"""The reports and the browser of these tests, made once."""

import pytest
from browser import opened_browser
from report_cases import TOLERANCES, affine_last, compiled

import vanillaflow as vf


@pytest.fixture(scope="session")
def browser():
    with opened_browser() as page:
        yield page


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The reports of all systems: name -> (flow, target, path)."""
    folder, cases = tmp_path_factory.mktemp("reports"), {}
    for name in TOLERANCES:
        flow, system = compiled(name), vf.zoo.load(name)
        flow = affine_last(flow) if name == "pendulum" else flow
        path = folder / f"{name}.html"
        vf.report(flow, system, path)
        cases[name] = (flow, system.target(), path)
    return cases
