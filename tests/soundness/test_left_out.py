"""What leaving out samples tells, against the true error; and boxes that samples do not cover."""

import warnings

import numpy as np
import pytest

import vanillaflow as vf


def _steep(t, x):
    return np.sin(3 * x)


def _swings(t, x):
    a, b, p, q = x.T
    return np.stack([p, q, 0.5 * (b - a) - np.sin(a), 0.5 * (a - b) - np.sin(b)], axis=1)


FLOWS = {
    "steep": vf.FlowMap(_steep, 1.0, vf.Box([-2], [2]), rtol=1e-8),
    "pendulum": vf.zoo.pendulum().target(),
    "duffing": vf.zoo.duffing().target(),
    "swings": vf.FlowMap(_swings, 1.0, vf.Box([-1.5] * 4, [1.5] * 4), rtol=1e-8),
}


def _uniform(flow, count):
    return flow.domain.uniform(count, seed=3)


def _sobol(flow, count):
    return flow.domain.sample(count, seed=3)


def _grid(flow, count):
    axis = np.linspace(0, 1, round(count ** (1 / flow.dim)))
    return flow.domain.from_unit(np.stack(np.meshgrid(*[axis] * flow.dim), axis=-1).reshape(-1, flow.dim))


def _clusters(flow, count):
    each = count // 12
    centers = np.repeat(flow.domain.uniform(12, seed=4), each, axis=0)
    return flow.domain.clip(
        centers + 0.04 * flow.domain.width * np.random.default_rng(1).normal(size=centers.shape)
    )


def _trajectories(flow, count):
    step, path = flow.until(0.02), [flow.domain.uniform(6, seed=5)]
    for _ in range(count // 6):
        path.append(step(path[-1]))
    return np.concatenate(path)


def _sampled(flow, x):
    """The flow known by its values at x, and its true error over the smallest box around them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vf.UncoveredDomain)
        known = vf.FlowMap.from_samples(x, flow(x))
    places = np.concatenate([known.domain.sample(1000, seed=9), known.domain.corners()])
    return known, float(np.abs(known(places) - flow(places)).max())


@pytest.mark.parametrize("layout", [_uniform, _sobol, _grid, _clusters, _trajectories])
@pytest.mark.parametrize("name", FLOWS)
def test_the_left_out_error_is_of_the_order_of_the_true_one(name, layout):
    flow = FLOWS[name]
    if flow.dim == 1 and layout in (_clusters, _trajectories):
        pytest.skip("where d = 1, gaps between dense samples are filled better: see expected_errors")
    known, error = _sampled(flow, layout(flow, 240))
    # Random folds were off by up to a factor of 1000 along trajectories and in clusters.
    assert error / 3 < known.left_out_error < 3 * error


def test_it_does_not_depend_on_the_order_or_the_run():
    flow = FLOWS["pendulum"]
    x = _uniform(flow, 150)
    one, again = (_sampled(flow, x)[0] for _ in range(2))
    other = _sampled(flow, x[::-1])[0]
    assert one.left_out_error == again.left_out_error
    assert other.left_out_error == pytest.approx(one.left_out_error, rel=1e-6)


def test_many_samples_are_left_out_of_local_splines():
    flow = FLOWS["pendulum"]
    known, error = _sampled(flow, _uniform(flow, 3200))
    assert error / 3 < known.left_out_error < 3 * error


def test_two_lines_of_samples_say_something_finite():
    x = np.concatenate([[[i, 0.0], [i, 1.0]] for i in np.linspace(0, 1, 20)])
    known, _ = _sampled(vf.FlowMap(lambda t, y: -y, 1.0, vf.Box([0, 0], [1, 1])), x)
    assert known.left_out_error < 1e-6


def test_a_box_that_is_not_covered_is_said():
    box = vf.Box([-1, -1], [1, 1])
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    ring = 0.98 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with pytest.warns(vf.UncoveredDomain, match=r"\d\d % of the box, by volume, .* about \("):
        known = vf.FlowMap.from_samples(ring, np.sin(ring), box)
    # What is within the covered distance of the ring is a band; the box's middle and corners are not.
    assert 0.3 < known.uncovered < 0.7
    assert np.abs(np.linalg.norm(known.farthest) - 0.98) > 0.4
    assert "far from all of them" in known.reference
    assert "uncovered" in repr(known)


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("count", [60, 500])
def test_evenly_spread_samples_cover_their_box(dim, count):
    box = vf.Box([-1] * dim, [2] * dim)
    with warnings.catch_warnings():
        warnings.simplefilter("error", vf.UncoveredDomain)
        for x in (box.uniform(count, seed=2), box.sample(count, seed=0)):
            known = vf.FlowMap.from_samples(x, np.sin(x), None)
            assert "uncovered" not in repr(known)
            assert known.reference == "the spline through the samples"
            assert known.left_out_rms > 0
