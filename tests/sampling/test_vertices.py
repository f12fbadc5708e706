"""The vertices of kinks: where they are, and that errors are large there."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.slices import sliced_start
from vanillaflow.sampling.samples import sample
from vanillaflow.sampling.vertices import vertices


def heights(flow: vf.PlanarFlow, x: np.ndarray) -> np.ndarray:
    """w_k.y - t_k before every planar map, divided by the size of its gradient in x: (n, L)."""
    columns = []
    for k in range(flow.kinks):
        affine = [j for j in range(flow.stops.size) if flow.stops[j] <= k]
        before = vf.PlanarFlow(
            flow.a[:k], flow.w[:k], flow.t[:k], flow.stops[affine], flow.M[affine], flow.m[affine]
        )
        gradient = np.einsum("nij,i->nj", before.jacobian(x), flow.w[k])
        columns.append((before(x) @ flow.w[k] - flow.t[k]) / np.linalg.norm(gradient, axis=1))
    return np.stack(columns, axis=1)


def random_flow(d: int, kinks: int, rng: np.random.Generator) -> vf.PlanarFlow:
    M = np.stack([np.eye(d) + 0.2 * rng.normal(size=(d, d)) for _ in range(2)])
    a, w = 0.1 * rng.normal(size=(kinks, d)), rng.normal(size=(kinks, d))
    return vf.PlanarFlow(
        a, w, 0.5 * rng.normal(size=kinks), [kinks // 2, kinks], M, 0.1 * rng.normal(size=(2, d))
    )


def test_two_maps_and_the_faces_of_the_box():
    box = vf.Box([-1, -1], [1, 1])
    w = np.eye(2)
    flow = vf.PlanarFlow(
        0.1 * np.ones((2, 2)), w, np.array([0.5, -0.2]), [2], np.eye(2)[None], np.zeros((1, 2))
    )
    x = np.array([[0.4, -0.1], [-0.9, -0.3], [0.4, 0.9], [0.0, -0.9]])
    # Behind the kink at x = 0.5 the second hyperplane, y = -0.2, is bent; none of these points goes there.
    expected = np.array([[0.5, -0.2], [-1, -0.2], [0.5, 1], [0.5, -1]])
    assert np.allclose(vertices(flow, x, box), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_d_hyperplanes_or_faces_meet_at_a_crossing(d):
    rng = np.random.default_rng(d)
    box = vf.Box(-np.ones(d), np.ones(d))
    flow = random_flow(d, 12, rng)
    found = vertices(flow, box.sample(300, 1), box)
    assert np.all((found >= box.low) & (found <= box.high))
    faces = np.stack([found - box.low, found - box.high], axis=-1).reshape(len(found), -1)
    meeting = (np.abs(np.concatenate([heights(flow, found), faces], axis=1)) < 1e-9).sum(axis=1)
    # Where a third hyperplane passes between the point and the crossing, two steps may not do.
    assert np.mean(meeting >= d) > 0.8


def test_infinite_heights_do_not_matter():
    box = vf.Box([-1, -1], [1, 1])
    a, w = np.array([[1e300, 0.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [1e200, 0.0]])
    flow = vf.PlanarFlow(a, w, np.array([-1.0, 0.0]), [2], np.eye(2)[None], np.zeros((1, 2)))
    found = vertices(flow, box.sample(50, 0), box)
    # What is left are the faces.
    assert np.allclose(np.abs(found), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["pendulum", "duffing", "brusselator"])
def test_a_fit_errs_most_at_crossings(name):
    target = getattr(vf.zoo, name)().target()
    samples, rng = sample(target, 2048, 0), np.random.default_rng(0)
    theta = minimize(sliced_start(target, 24, 6, rng, 0), samples, 2.0, 30, rng).parameters
    x = target.domain.sample(2000, 3)
    at = vertices(theta.flow(target.domain), x, target.domain)

    def mean_error(points: np.ndarray) -> float:
        return float(np.mean(np.abs(theta(points) - target(points)).max(axis=1)))

    assert mean_error(at) > 1.2 * mean_error(x)
