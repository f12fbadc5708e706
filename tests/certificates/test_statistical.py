"""The statistical certificate: as often true as it says, for errors whose distribution is known."""

import numpy as np
import pytest
from scipy.stats import binom

from vanillaflow import Box, FlowMap, PlanarFlow, RidgeField, certify
from vanillaflow.certificates import statistical
from vanillaflow.certificates.binomial import order_statistic
from vanillaflow.certificates.statistical import certify_statistical, fresh_points
from zoo_cases import compiled, lowered, target

REPETITIONS = 2000


class Still(FlowMap):
    """The flow of x' = 0, in closed form: a planted error is all the error there is."""

    def __init__(self, dim: int = 2):
        nothing = np.zeros((0, dim))
        super().__init__(RidgeField(nothing, nothing, [], []), 1.0, Box(-np.ones(dim), 2 * np.ones(dim)))

    def __call__(self, x):
        return x.copy()

    def finer(self, factor):
        return self


def planted(error):
    """The identity, off by error(x) (n,) in the first output."""

    def flow(x):
        y = x.copy()
        y[:, 0] += error(x)
        return y

    return flow


def plane(x):
    """Uniform on [0, 1]: the part of the box with an error of at most e is e."""
    return (x[:, 0] + 1) / 3


def peak(x):
    """1/(1 + 100 r) in r, uniform on [0, 1]: the part with an error of at most e is 1 - (1/e - 1)/100."""
    return 1 / (1 + 100 * plane(x))


ERRORS = {
    "plane": (plane, lambda e: e),
    "peak": (peak, lambda e: np.clip(1 - (1 / e - 1) / 100, 0, 1)),
}
PLANS = {"largest of 40": (40, None), "40, four of them above": (40, 0.78), "100": (100, 0.95)}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("shape", ERRORS)
def test_it_is_wrong_as_seldom_as_it_says(shape, plan):
    """In 2000 repetitions, seeded, the number of false certificates is binomial, with the exact rate.

    The rate is that of the order statistic, at most 1 - confidence = 0.1, so that more than the upper limit,
    which a true statement exceeds once in a million times, would show a bound that is too small; fewer than
    the lower limit, one that is needlessly large.
    """
    error, part_below = ERRORS[shape]
    points, coverage = PLANS[plan]
    flow, exact, confidence = planted(error), Still(1), 0.9
    false = 0
    for seed in range(REPETITIONS):
        found = certify_statistical(flow, exact, points, confidence, coverage, seed)
        false += bool(part_below(found.bound) < found.coverage)
    k = order_statistic(points, confidence, found.coverage)
    rate = binom.sf(k - 1, points, found.coverage)
    assert rate <= 1 - confidence + 1e-9
    assert (k == points) == (coverage is None)
    low, high = binom.ppf(1e-6, REPETITIONS, rate), binom.isf(1e-6, REPETITIONS, rate)
    assert low <= false <= high


def test_steps_in_the_error_do_no_harm():
    """An error of few different values: the certificate is false less often, never more."""

    def steps(x):
        return np.floor(10 * plane(x))

    false = 0
    for seed in range(REPETITIONS):
        found = certify_statistical(planted(steps), Still(1), 40, 0.9, seed=seed)
        false += bool((found.bound + 1) / 10 < found.coverage)
    assert false <= binom.isf(1e-6, REPETITIONS, 0.1)


def test_the_largest_error_and_its_coverage():
    found = certify_statistical(planted(plane), Still(), 1000, 0.999, seed=3)
    assert (found.method, found.points, found.confidence, found.seed) == ("statistical", 1000, 0.999, 3)
    assert found.coverage == pytest.approx(0.001 ** (1 / 1000), rel=1e-12)
    assert found.bound == found.largest == pytest.approx(plane(found.worst_point[None])[0], rel=1e-14)
    # The identity in the other outputs; x + e - x has the rounding of x.
    assert found.per_output[0] == found.bound and found.per_output[1] == 0
    assert "With confidence 0.999, at most a fraction 0.0069 of the box (by volume)" in found.statement
    assert 0.0068 < 1 - found.coverage < 0.0069


def test_a_coverage_that_is_asked_for():
    found = certify_statistical(planted(plane), Still(), 1000, 0.95, 0.9, seed=3)
    assert found.coverage == 0.9 and found.bound < found.largest
    x = np.concatenate(fresh_points(Still(), 1000, 3))
    errors = np.sort(np.abs(planted(plane)(x) - x).max(axis=1))
    assert found.bound == errors[order_statistic(1000, 0.95, 0.9) - 1]
    assert "at most a fraction 0.1 of the box" in found.statement
    # By default as many points as are needed, and not fewer than ten thousand.
    assert certify_statistical(planted(plane), Still(), coverage=0.9).points == 10_000
    assert certify_statistical(planted(plane), Still(), coverage=0.9995).points == 13_813


def test_sentences_are_rounded_to_the_safe_side():
    found = certify_statistical(planted(lambda x: 0.0 * x[:, 0] + 0.123401), Still(), 100, 0.9, seed=0)
    assert found.statement.endswith("has an error above 0.1235.")
    assert "at most a fraction 0.023 of" in found.statement and 0.0227 < 1 - found.coverage < 0.023
    assert f"on {found.coverage:.6g} of the box with confidence 0.9" in str(found)


def test_points_are_fresh_independent_and_seeded():
    exact = Still()
    batches = fresh_points(exact, 40_000, 5)
    x = np.concatenate(batches)
    assert len(batches) > 1 and x.shape == (40_000, 2) and exact.domain.contains(x).all()
    assert len(np.unique(x, axis=0)) == len(x)
    np.testing.assert_array_equal(x, np.concatenate(fresh_points(exact, 40_000, 5)))
    assert not np.array_equal(x, np.concatenate(fresh_points(exact, 40_000, 6)))
    # Not the points that the same seed gives anywhere else.
    assert not np.isin(x, exact.domain.uniform(40_000, 5)).any()
    # Uniform: the mean of each coordinate, in units of its standard deviation.
    z = (x.mean(axis=0) - 0.5) / (3 / np.sqrt(12 * len(x)))
    assert np.abs(z).max() < 5


def test_batches_are_one_sample(monkeypatch):
    monkeypatch.setattr(statistical, "_BATCH", 64)
    found = certify_statistical(planted(plane), Still(), 1000, seed=1)
    x = np.concatenate(fresh_points(Still(), 1000, 1))
    assert len(x) == 1000 and found.bound == np.abs(planted(plane)(x) - x).max()


def test_a_value_that_is_no_number_is_infinitely_wrong():
    def broken(x):
        return np.where(x > 1.9, np.nan, x)

    assert certify_statistical(broken, Still(1), 1000).bound == np.inf
    found = certify_statistical(broken, Still(1), 1000, coverage=0.9)
    assert found.bound == 0 and found.largest == np.inf and found.worst_point[0] > 1.9


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_it_says_of_a_compiled_network(dtype):
    exact, network = target("pendulum"), lowered("pendulum")
    found = certify(network, exact, "statistical", seed=5, dtype=dtype, points=2000)
    at_worst = np.abs(network(found.worst_point[None]) - exact(found.worst_point[None])).max()
    assert found.largest == pytest.approx(at_worst, abs=1e-9 if dtype == "float64" else 1e-4)
    assert found.bound == pytest.approx(found.largest + found.solver_error, rel=1e-12)
    assert 1e-13 < found.solver_error < 1e-9
    assert found.per_output.max() == pytest.approx(found.bound, rel=1e-12)
    assert (found.dtype, found.system, found.duration) == (dtype, "pendulum", 1.0)
    assert found.box == exact.domain and found.seconds > 0 and "DOP853" in found.reference
    again = certify(network, exact, "statistical", seed=5, dtype=dtype, points=2000)
    assert again.bound == found.bound and np.array_equal(again.worst_point, found.worst_point)


def test_a_rough_solver_is_told():
    exact = target("pendulum")
    rough = FlowMap(exact.field, exact.duration, exact.domain, rtol=1e-3)
    found = certify_statistical(compiled("pendulum"), rough, points=200)
    (x,) = fresh_points(rough, 200, 0)
    assert found.solver_error == pytest.approx(np.abs(rough(x) - exact(x)).max(), rel=0.1)
    assert found.bound == pytest.approx(found.largest + found.solver_error, rel=1e-12)


def test_without_a_seed_nobody_knows_the_points():
    flow, exact = PlanarFlow.identity(2), Still()
    seeds = {certify(flow, exact, "statistical", seed=None, points=10).seed for _ in range(3)}
    assert len(seeds) == 3


def test_refusals():
    flow, exact = PlanarFlow.identity(2, Box([-1, -1], [2, 2])), Still()
    for options, said in (
        ({"points": 100, "coverage": 0.99}, "100 points are too few .*; at least 688 are needed"),
        ({"coverage": 1 - 1e-9}, "need 690775\\d+ points; at most 10000000 are drawn"),
        ({"points": 0}, "points must be a whole number"),
        ({"points": 10**8}, "points must be a whole number from 1 to 10000000"),
        ({"confidence": 1.0}, "confidence must be within"),
        ({"confidence": 0.0}, "confidence must be positive"),
        ({"coverage": 1.5}, "coverage must be within"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"dtype": "float32"}, "a PlanarFlow is evaluated in float64"),
    ):
        with pytest.raises(ValueError, match=said):
            certify(flow, exact, "statistical", **options)
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'float16'"):
        certify(flow.to_network(), exact, dtype="float16")
