"""All functions: figures of their own, files, and what is said without matplotlib."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import vanillaflow as vf
import zoo_cases
from flow_cases import random_flow
from random_objects import PROVENANCE
from vanillaflow.verification.reachable import ReachableSet


def _flow(d):
    return random_flow(7, d, ["plain"] * 8, affine=1).with_provenance(PROVENANCE)


def _renamed(flow):
    return flow.with_provenance(replace(flow.provenance, system="another_one $"))


def _set():
    generators = np.random.default_rng(0).normal(size=(5, 3, 2))
    return ReachableSet(10 * np.eye(5)[:, :2], generators, vf.Box([0, 0], [1, 1]), np.full(2, 0.1))


PICTURES = {
    "grid_image": lambda **k: vf.plot.grid_image(_flow(2), **k),
    "grid_image of a slice": lambda **k: vf.plot.grid_image(_flow(3), dims=(2, 0), **k),
    "error_map": lambda **k: vf.plot.error_map(_flow(2), zoo_cases.target("pendulum"), **k),
    "kink_lines": lambda **k: vf.plot.kink_lines(_flow(2), **k),
    "kink_lines of a slice": lambda **k: vf.plot.kink_lines(_flow(3), **k),
    "depth_curve": lambda **k: vf.plot.depth_curve(_flow(2), _renamed(_flow(3)), **k),
    "reachable_set": lambda **k: vf.plot.reachable_set(_set(), **k),
}


@pytest.mark.parametrize("name", [*PICTURES, "layers"])
def test_files(name, tmp_path):
    ax = vf.plot.layers(_flow(2))[0] if name == "layers" else PICTURES[name]()
    for ending, most in (("svg", 400_000), ("pdf", 200_000)):
        path = tmp_path / f"figure.{ending}"
        ax.figure.savefig(path)
        assert 1000 < path.stat().st_size < most
    ET.parse(tmp_path / "figure.svg")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", PICTURES)
def test_a_new_figure_only_without_axes(name, two_axes):
    assert PICTURES[name](ax=two_axes) is two_axes


def test_the_set_draws_itself_by_the_same_function(two_axes):
    found = _set()
    assert found.plot(two_axes, facecolor="0.8") is two_axes
    (drawn,) = two_axes.collections
    assert np.allclose(drawn.get_facecolor(), [[0.8, 0.8, 0.8, 1]])
    for path, corners in zip(drawn.get_paths(), found.polygons(), strict=True):
        assert np.allclose(path.vertices[:-1], corners)


def test_sets_in_space_are_refused():
    one = np.ones((1, 3))
    with pytest.raises(ValueError, match="two dimensions"):
        vf.plot.reachable_set(ReachableSet(one, one[None], vf.Box([0] * 3, [1] * 3), one[0]))


def test_the_module_is_public_and_complete():
    assert "plot" in vf.__all__
    assert sorted(vf.plot.__all__) == sorted({name.split()[0] for name in PICTURES} | {"layers"})
    # Importing the modules leaves the functions where they are.

    assert all(callable(getattr(vf.plot, name)) for name in vf.plot.__all__)


def test_without_matplotlib_it_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import vanillaflow as vf\n"
        "try: vf.plot.grid_image(lambda x: x, vf.Box([0, 0], [1, 1]))\n"
        "except vf.VanillaflowError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "vanillaflow[plot]"' in done.stdout
