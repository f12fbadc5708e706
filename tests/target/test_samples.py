"""Flows known by samples: the spline through them, what leaving out shows, and samples that make no flow."""

import numpy as np
import pytest

import vanillaflow as vf

EXACT = vf.zoo.pendulum().target()
X = EXACT.domain.sample(600, seed=4)
Y = EXACT(X)


def sampled(**given):
    return vf.FlowMap.from_samples(X, Y, EXACT.domain, **given)


def test_it_goes_through_the_samples_and_says_how_far_off_it_is_between():
    flow = sampled()
    np.testing.assert_allclose(flow(X), Y, atol=1e-9)
    x = EXACT.domain.sample(2000, seed=5)
    error = np.abs(flow(x) - EXACT(x))
    # Predicted from four fifths of the samples, and by as many points: of the same size, and rather larger.
    assert flow.left_out_rms / 4 < np.sqrt(np.mean(error**2)) < 1.5 * flow.left_out_rms
    assert error.max() < 3 * flow.left_out_error
    assert flow.left_out_rms < flow.left_out_error < 0.1


def test_affine_flows_are_exact():
    M, x = (
        np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 3.0]]),
        np.random.default_rng(0).random((40, 3)),
    )
    flow = vf.FlowMap.from_samples(x, x @ M.T + 1)
    assert flow.left_out_error < 1e-10
    assert flow.domain == vf.Box(x.min(axis=0), x.max(axis=0))
    y = flow.domain.sample(20)
    np.testing.assert_allclose(flow(y), y @ M.T + 1, atol=1e-10)


def test_a_network_from_samples_follows_the_flow_that_made_them():
    target = sampled()
    flow = vf.compile(target, 0.15)
    x = EXACT.domain.sample(2000, seed=6)
    assert np.abs(flow(x) - target(x)).max() <= 0.15
    assert np.abs(flow(x) - EXACT(x)).max() <= 0.15 + 3 * target.left_out_error
    assert flow.provenance.system == "samples"
    with pytest.raises(vf.FieldError, match="known by samples only"):
        vf.compile(target, 0.05, "split")


def test_noise_takes_smoothing():
    rng = np.random.default_rng(7)
    noisy = Y + 0.05 * rng.normal(size=Y.shape)
    x = EXACT.domain.sample(2000, seed=8)
    rough, smooth = (vf.FlowMap.from_samples(X, noisy, EXACT.domain, smoothing=s) for s in (0.0, 1.0))
    size = [float(np.sqrt(np.mean((flow(x) - EXACT(x)) ** 2))) for flow in (rough, smooth)]
    assert size[1] < 0.6 * size[0]
    # What leaving out shows contains the noise.
    assert 0.04 < smooth.left_out_rms < rough.left_out_rms
    twice = vf.FlowMap.from_samples(np.repeat(X, 2, 0), np.repeat(Y, 2, 0), EXACT.domain)
    np.testing.assert_allclose(twice(x), sampled()(x), atol=1e-7)


def test_only_the_end_is_known():
    flow = sampled(duration=2.0)
    np.testing.assert_array_equal(flow.trajectory(X, [0.0, 2.0]), np.stack([X, flow(X)]))
    with pytest.raises(ValueError, match="the state at time 1 is not known"):
        flow.trajectory(X, [1.0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, y: (x, y[:-1]), "one shape"),
        (lambda x, y: (x[:5], y[:5]), "5 samples are too few in dimension 2; at least 6"),
        (lambda x, y: (x, np.where(y > y.max() - 1e-9, np.nan, y)), "samples y must be finite"),
        (lambda x, y: (x * [1, 0], y), "cover .* of coordinate 1"),
        (lambda x, y: (x[:, [0, 0]], y), "lie in a hyperplane"),
        (lambda x, y: (x / 2, y), "nothing is known there"),
        (lambda x, y: (x[[0, *range(599)]], y), "samples 0 and 1 have the same x and different y"),
    ],
)
def test_samples_that_do_not_fit(change, reason):
    with pytest.raises(ValueError, match=reason):
        vf.FlowMap.from_samples(*change(X, Y), EXACT.domain)


@pytest.mark.parametrize(
    ("given", "reason"),
    [({"smoothing": -1.0}, "smoothing"), ({"duration": 0.0}, "duration must be positive")],
)
def test_wrong_settings(given, reason):
    with pytest.raises(ValueError, match=reason):
        sampled(**given)
