"""Taking planar maps apart: exact, with layers that are well conditioned."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows, random_flow, walk
from vanillaflow import PlanarFlow
from vanillaflow.lowering.shears import LEAST_COSINE, layer_maps


def as_flow(flow: PlanarFlow) -> PlanarFlow:
    """The layer maps in place of the planar maps that they came from, with the flow's affine maps."""
    maps = layer_maps(flow)
    return PlanarFlow(
        maps.a, maps.w, maps.t, np.searchsorted(maps.source, flow.stops), flow.M, flow.m, domain=flow.domain
    )


@settings(deadline=None, max_examples=40)
@given(flows(), st.integers(0, 99))
def test_layer_maps_compose_to_the_flow(flow, seed):
    # A map without normal is a translation, which no layer holds (the lowering adds it to the affine maps).
    moves = np.flatnonzero(np.any(flow.w != 0, axis=1))
    flow = PlanarFlow(
        flow.a[moves], flow.w[moves], flow.t[moves], np.searchsorted(moves, flow.stops), flow.M, flow.m,
        domain=flow.domain,
    )  # fmt: skip
    x = flow.domain.sample(128, seed)
    way = walk(as_flow(flow), x)
    np.testing.assert_allclose(way.image, flow(x), rtol=0, atol=1e-9 * max(1, 1e-3 * way.reach))


@settings(deadline=None, max_examples=40)
@given(flows())
def test_every_layer_map_is_one_that_a_layer_can_hold(flow):
    maps = layer_maps(flow)
    np.testing.assert_allclose(np.linalg.norm(maps.w, axis=1), 1, rtol=1e-12)
    along = np.einsum("ld,ld->l", maps.w, maps.a)
    assert np.all(np.abs(along) >= (1 - 1e-9) * LEAST_COSINE * np.linalg.norm(maps.a, axis=1))
    assert np.all(1 + along > 0)
    assert np.all(np.diff(maps.source) >= 0)
    # Two layers for a map that was taken apart, the second of which undoes the tilt of the first.
    np.testing.assert_array_equal(maps.undoes[1:], np.diff(maps.source) == 0)
    assert not maps.undoes[:1].any()


def test_what_is_taken_apart():
    flow = random_flow(0, 3, ["plain", "shear", "near shear", "still", "translation", "shear"])
    maps = layer_maps(flow)
    plain = abs(flow.w[0] @ flow.a[0]) >= LEAST_COSINE * np.linalg.norm(flow.w[0]) * np.linalg.norm(flow.a[0])
    assert maps.source.tolist() == ([0] if plain else [0, 0]) + [1, 1, 2, 2, 5, 5]


def test_no_maps():
    maps = layer_maps(random_flow(0, 3, []))
    assert maps.a.shape == (0, 3) and maps.undoes.shape == (0,)
