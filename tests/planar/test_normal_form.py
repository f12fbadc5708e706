"""The normal form: the same map, |w| = 1, and a kink in every planar map."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows, random_flow, walk
from vanillaflow.planar.normal_form import normal_form


@settings(deadline=None, max_examples=60)
@given(flows(), st.integers(0, 99))
def test_same_map_unit_normals(flow, seed):
    normal = normal_form(flow)
    np.testing.assert_allclose(np.linalg.norm(normal.w, axis=1), 1, rtol=1e-12)
    assert np.all(np.any(normal.a != 0, axis=1))
    x = flow.domain.sample(128, seed)
    way = walk(flow, x)
    np.testing.assert_allclose(normal(x), way.image, rtol=0, atol=1e-12 * max(1, way.reach))
    assert normal.domain == flow.domain and normal.provenance == flow.provenance


def test_what_has_no_kink_is_left_out_or_affine():
    flow = random_flow(0, 3, ["plain", "still", "translation", "shear", "translation"], affine=2)
    normal = normal_form(flow)
    assert normal.kinks == 2 and len(normal.stops) == 4
