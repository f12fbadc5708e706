"""The reports and the browser of these tests, made once."""

from pathlib import Path

import pytest
from browser import opened_browser
from report_cases import affine_last, compiled

import vanillaflow as vf


@pytest.fixture(scope="session")
def browser():
    with opened_browser() as page:
        yield page


class Written(dict):
    """name -> (flow, target, path) of the report of a system, which is made when it is first asked for."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> tuple[vf.PlanarFlow, vf.FlowMap, Path]:
        flow, system = compiled(name), vf.zoo.load(name)
        # One with its affine map behind all planar maps, as the default method makes them.
        flow = affine_last(flow) if name == "pendulum" else flow
        path = self.folder / f"{name}.html"
        vf.report(flow, system, path)
        self[name] = flow, system.target(), path
        return self[name]


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Written:
    return Written(tmp_path_factory.mktemp("reports"))
