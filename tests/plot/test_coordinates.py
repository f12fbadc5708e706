"""Names of coordinates: where they come from, and how they are set."""

from dataclasses import replace

import pytest

import vanillaflow as vf
import zoo_cases
from flow_cases import random_flow
from vanillaflow.plot.coordinates import coordinate_names, math_text


@pytest.mark.parametrize(
    "name, text",
    [
        ("x", "$x$"),
        ("theta", r"$\theta$"),
        ("theta12", r"$\theta_{12}$"),
        ("x_1", "$x_{1}$"),
        ("theta''", r"$\theta''$"),
        ("voltage", "voltage"),
        ("price$", r"price\$"),
        ("größe", "größe"),
    ],
)
def test_mathematics(name, text):
    assert math_text(name) == text


def test_targets_know_their_own():
    system = vf.zoo.pendulum()
    assert coordinate_names(system.target(), 2) == ("theta", "omega")
    assert coordinate_names(system.target().until(0.5).finer(10).coarser(1e-3), 2) == ("theta", "omega")
    bare = vf.FlowMap(system.field, 1.0, system.domain)
    assert coordinate_names(bare, 2) == ("x1", "x2")
    with pytest.raises(vf.FieldError, match="3 names for 2 coordinates"):
        vf.FlowMap(system.field, 1.0, system.domain, variables=("a", "b", "c"))


def test_files_name_theirs(tmp_path):
    (tmp_path / "swing.toml").write_text(
        'name = "swing"\n[inputs]\ntorque = [-1, 1]\n[equations]\n"phi\'\'" = "-sin(phi) + torque"\n'
        '[domain]\nphi = [-1, 1]\n"phi\'" = [-1, 1]\n[flow]\nduration = 1.0\n',
        encoding="utf-8",
    )
    target = vf.load_system(tmp_path / "swing.toml").target()
    assert coordinate_names(target, 3) == ("phi", "phi'", "torque")
    ax = vf.plot.grid_image(target, dims=(1, 2), lines=3, points=3)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\phi'$", "torque")


def test_flows_know_the_zoo():
    flow = zoo_cases.compiled("pendulum")
    assert coordinate_names(flow, 2) == ("theta", "omega")
    assert coordinate_names(flow.to_network(), 2) == ("theta", "omega")
    # Another duration: somebody else's pendulum.
    other = flow.with_provenance(replace(flow.provenance, duration=0.75))
    assert coordinate_names(other, 2) == ("x1", "x2")
    assert coordinate_names(random_flow(0, 3, ["plain"]), 3) == ("x1", "x2", "x3")
