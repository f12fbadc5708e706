"""Networks taken apart are the planar maps that they were made from; the affine map's root is one."""

import numpy as np
import pytest
from report_cases import TOLERANCES, affine_last, compiled, near_identity

from vanillaflow import PlanarFlow
from vanillaflow.reports.frames import affine_root
from vanillaflow.reports.planar_form import planar_form


@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu", "relu"])
@pytest.mark.parametrize("name", TOLERANCES)
def test_maps_equal_the_network_and_are_no_more_than_the_flow_has(name, dialect):
    flow = compiled(name)
    network = flow.to_network(dialect)
    form = planar_form(network, flow.domain)
    x = np.concatenate([flow.domain.uniform(2000, seed=5), flow.domain.corners()])
    # Rounding, times the condition of what is undone between layers.
    np.testing.assert_allclose(form(x), network(x), atol=1e-9 * np.abs(network(x)).max())
    assert form.kinks <= flow.kinks


@pytest.mark.parametrize("d, kinks", [(1, 3), (2, 7), (3, 12), (5, 9)])
def test_random_flows(d, kinks):
    flow = near_identity(d, kinks, seed=d, affine=2)
    x = flow.domain.uniform(2000, seed=5)
    for dialect in ("leaky_relu", "prelu", "relu"):
        form = planar_form(flow.to_network(dialect), flow.domain)
        np.testing.assert_allclose(form(x), flow(x), atol=1e-9)


def test_the_root_taken_as_often_as_there_are_maps_is_the_affine_map():
    flow = affine_last(compiled("pendulum"))
    root = affine_root(flow)
    assert root is not None
    whole = np.linalg.matrix_power(root, flow.kinks)
    np.testing.assert_allclose(whole[:2, :2], flow.M[0], atol=1e-10)
    np.testing.assert_allclose(whole[:2, 2], flow.m[0], atol=1e-10)


def test_there_is_no_root_of_a_reflection_or_of_maps_elsewhere():
    flow = near_identity(2, 3)
    reflected = PlanarFlow(flow.a, flow.w, flow.t, [3], [np.diag([1.0, -1.0])], [np.zeros(2)])
    earlier = PlanarFlow(flow.a, flow.w, flow.t, [1], [np.diag([1.0, 2.0])], [np.zeros(2)])
    assert affine_root(reflected) is None
    assert affine_root(earlier) is None
    assert affine_root(flow) is None
