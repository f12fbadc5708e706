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


def test_flows_know_the_zoo():
    flow = zoo_cases.compiled("pendulum")
    assert coordinate_names(flow, 2) == ("theta", "omega")
    assert coordinate_names(flow.to_network(), 2) == ("theta", "omega")
    # Another duration: somebody else's pendulum.
    other = flow.with_provenance(replace(flow.provenance, duration=0.75))
    assert coordinate_names(other, 2) == ("x1", "x2")
    assert coordinate_names(random_flow(0, 3, ["plain"]), 3) == ("x1", "x2", "x3")
