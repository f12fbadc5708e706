"""Every way through a planar flow gives the same result, to rounding, and the same to the last bit in any
batch. Rounding is bounded by following it through the maps."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow.planar.flow import PlanarFlow
from vanillaflow.runtime import Runtime
from vanillaflow.runtime.parallel import parallel_runs
from vanillaflow.runtime.register_tables import worth_registers
from vanillaflow.runtime.small_kernels import REGISTER_TABLE
from vanillaflow.runtime.tables import pack_tables, table_of
from vanillaflow.runtime.vectors import register_entries

KINDS = ("mixed", "runs", "grids", "affine only", "empty")
TYPES = (np.float64, np.float32)
# Where the runs of "grids" begin and end.
RUNS = (0, 25, 85, 180)
# Every one is compiled: with many vectors in registers, with few, and the last with none.
DIMS = (1, 2, 3, 7, 24, 30)


def random_flow(rng: np.random.Generator, d: int, kind: str) -> PlanarFlow:
    """Some planar maps with kappa between 0.6 and 1.4, and affine maps among them."""
    if kind == "empty":
        return PlanarFlow.identity(d)
    kinks = {"mixed": 30, "runs": 180, "grids": 180, "affine only": 0}[kind]
    w = rng.standard_normal((kinks, d))
    if kind == "runs":
        # Three directions, the maps of each with sizes of both signs.
        w = np.repeat(w[:3], 60, axis=0) * rng.choice([-1, 1], (kinks, 1)) * rng.uniform(0.5, 2, (kinks, 1))
    if kind == "grids":
        w = np.repeat(w[:3], np.diff(RUNS), axis=0)
    sizes = rng.uniform(0.5, 1, (kinks, 1)) if kind != "grids" else 1
    w /= np.linalg.norm(w, axis=1, keepdims=True) / sizes
    a = rng.standard_normal((kinks, d)) * (0.4 / max(1, kinks / 30))
    a /= np.maximum(1, np.linalg.norm(a, axis=1, keepdims=True) / 0.4)
    t = rng.uniform(-1.5, 1.5, kinks)
    stops = np.sort(rng.integers(0, kinks + 1, 3))
    if kind == "runs":
        stops = stops // 60 * 60
    if kind == "grids":
        stops = np.sort(rng.choice(RUNS, 3))
        # Grids of three sizes, of the last one some marks are left out.
        for first, last, buckets in zip(RUNS, RUNS[1:], (28, 60, int(rng.integers(96, 250)))):
            marks = np.sort(rng.choice(buckets, last - first, replace=False))
            t[first:last] = carried(3 * marks / buckets - 1.5, a[first:last] @ w[first])
    M = np.linalg.qr(rng.standard_normal((3, d, d)))[0] * 1.1
    return PlanarFlow(a, w, t, stops, M, rng.uniform(-1, 1, (3, d)))


def carried(knots: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Where nu is at each map of a run that has its kink at that knot before the run, knots increasing."""
    at = knots.copy()
    for j in range(knots.size):
        at[j + 1 :] += rates[j] * (at[j + 1 :] - at[j])
    return at


def steps(flow: PlanarFlow):
    """The maps in order, each as (w, t, a) or (M, m)."""
    j = 0
    for k in range(flow.kinks + 1):
        while j < flow.stops.size and flow.stops[j] == k:
            yield flow.M[j], flow.m[j]
            j += 1
        if k < flow.kinks:
            yield flow.w[k], flow.t[k], flow.a[k]


def reference(flow: PlanarFlow, x: np.ndarray, u: float) -> tuple[np.ndarray, float]:
    """The images in float64, map by map, and a bound of the roundings of any evaluation in arithmetic of unit
    roundoff u whose parameters are rounded, too, in the max norm."""
    x, error, d = x.astype(np.float64), 0.0, flow.dim
    for step in steps(flow):
        size = np.abs(x).max(initial=1)
        if len(step) == 2:
            M, m = step
            norm = np.abs(M).sum(axis=1).max()
            error = norm * error + u * (d + 3) * (norm * (size + error) + np.abs(m).max())
            x = x @ M.T + m
        else:
            w, t, a = step
            reach = np.abs(w).sum() * (size + error) + abs(t)
            gain = np.abs(a).max()
            error = (1 + np.abs(w).sum() * gain) * error + u * ((d + 4) * reach * gain + 2 * size)
            x = x + np.outer(np.maximum(x @ w - t, 0), a)
    return x, error


@st.composite
def cases(draw, dims=DIMS):
    d, kind = draw(st.sampled_from(dims)), draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([0, 1, 2, 7, 33, 200, 1500]))
    return random_flow(rng, d, kind), rng.uniform(-1, 1, (n, d)), rng


@settings(deadline=None, max_examples=60)
@given(cases(), st.sampled_from(TYPES))
def test_images_are_those_of_the_maps_one_by_one(case, dtype):
    flow, x, _ = case
    x = x.astype(dtype)
    y = flow(x)
    expected, error = reference(flow, x, np.finfo(dtype).eps)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=0, atol=error + 1e-300)


@settings(deadline=None, max_examples=40)
@given(cases(), st.sampled_from(TYPES))
def test_a_point_has_the_same_image_in_every_batch(case, dtype):
    flow, x, rng = case
    x = x.astype(dtype)
    y = flow(x)
    for q in rng.integers(0, max(len(x), 1), 5) if len(x) else []:
        assert np.array_equal(flow(x[q : q + 1])[0], y[q])
    assert np.array_equal(flow(x[::-1])[::-1], y)
    here = x.copy()
    assert flow(here, out=here) is here
    assert np.array_equal(here, y)


@settings(deadline=None, max_examples=40)
@given(cases(DIMS[:-1]), st.sampled_from(TYPES))
def test_tables_give_what_the_planar_maps_give(case, dtype):
    flow, x, rng = case
    x, v = x.astype(dtype), rng.standard_normal(x.shape).astype(dtype)
    ways = [Runtime.of(flow._maps, dtype, tables=tables) for tables in (True, False)]
    _, error = reference(flow, x, np.finfo(dtype).eps)
    images = [way.forward(x) for way in ways]
    # A table of K maps has as many roundings in its numbers, which are made in float64.
    np.testing.assert_allclose(*images, rtol=0, atol=3 * error + 1e-300)
    # Derivatives jump at kinks: points that rounding could carry over one are left out.
    far = ~near_a_kink(flow, x, 3 * error)
    log_dets = [way.log_abs_det(x)[far] for way in ways]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(*log_dets, rtol=0, atol=4 * eps * (1 + np.abs(np.log(flow.kappa)).sum()))
    growth = np.prod([1 + np.linalg.norm(s[0]) * np.linalg.norm(s[2]) for s in steps(flow) if len(s) == 3])
    tangents = [way.jvp(x, v)[1][far] for way in ways]
    many = 4 * eps * (flow.dim + 3) * (flow.kinks + 3) * growth * 1.1**3 * np.sqrt(flow.dim)
    np.testing.assert_allclose(*tangents, rtol=0, atol=many * np.abs(v).max(initial=1))


def near_a_kink(flow: PlanarFlow, x: np.ndarray, distance: float) -> np.ndarray:
    near, x = np.zeros(len(x), dtype=bool), x.astype(np.float64)
    for step in steps(flow):
        if len(step) == 2:
            x = x @ step[0].T + step[1]
        else:
            z = x @ step[0] - step[1]
            near |= np.abs(z) <= distance * (1 + np.abs(step[0]).sum())
            x = x + np.outer(np.maximum(z, 0), step[2])
    return near


@settings(deadline=None, max_examples=40)
@given(cases())
def test_derivatives_agree_with_one_another_and_with_the_inverse(case):
    flow, x, rng = case
    v = rng.standard_normal(x.shape)
    y, u = flow.jvp(x, v)
    J = flow.jacobian(x)
    assert np.array_equal(y, flow(x)) or flow.dim > 8
    scale = np.abs(J).sum(axis=(1, 2)).max(initial=1) * np.abs(v).max(initial=1)
    np.testing.assert_allclose(
        np.einsum("nij,nj->ni", J, v), u, rtol=0, atol=1e-13 * (flow.kinks + 9) * scale
    )
    np.testing.assert_allclose(np.linalg.slogdet(J)[1], flow.log_abs_det(x), atol=1e-12 * (flow.kinks + 9))
    _, error = reference(flow, x, np.finfo(np.float64).eps)
    back = np.linalg.norm(np.linalg.inv(J), ord=np.inf, axis=(1, 2)).max(initial=1) if len(x) else 1
    np.testing.assert_allclose(flow.inverse(y), x, rtol=0, atol=100 * back * error + 1e-12)


def test_pieces_end_where_kinks_are_taken_back():
    # nu -> nu + relu(nu) -> + relu(nu - 1): the second kink is where 2 nu = 1.
    table = table_of(np.array([[1.0], [1.0]]), np.array([[1.0], [1.0]]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(table.knots, [0, 0, 0.5])
    np.testing.assert_allclose(table.slopes[:, 0], [0, 1, 3])
    np.testing.assert_allclose(table.log_kappa, np.log([1, 2, 4]))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_kinks_on_a_grid_are_looked_up_in_registers(d):
    flow = random_flow(np.random.default_rng(d), d, "grids")
    kinds = Runtime.of(flow._maps, np.float32).small[0][:, 0].tolist()
    on_this_machine = register_entries(np.dtype(np.float32)) > 0
    assert kinds.count(REGISTER_TABLE) == (3 if on_this_machine else 0)


@pytest.mark.parametrize("features", ["+avx,+avx2,+fma", "+avx"])
def test_processors_with_less(features, tmp_path):
    """Eight numbers to choose from, and none: in a process of its own, as the choice is made on import."""
    code = """if True:
        import numpy as np
        from test_runtime import random_flow, reference
        from vanillaflow.runtime.vectors import register_entries
        flow = random_flow(np.random.default_rng(1), 3, "grids")
        x = np.random.default_rng(2).uniform(-1, 1, (100, 3))
        for dtype in (np.float32, np.float64):
            points = x.astype(dtype)
            expected, error = reference(flow, points, np.finfo(dtype).eps)
            assert np.abs(flow(points) - expected).max() <= error
        print(register_entries(np.dtype(np.float32)), register_entries(np.dtype(np.float64)))
    """
    environment = dict(os.environ, NUMBA_CPU_FEATURES=features, NUMBA_CPU_NAME="generic")
    environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), environment.get("PYTHONPATH", "")]
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["8", "0"] if "avx2" in features else ["0", "0"])


def test_grids_that_are_none():
    """Kinks that coincide but for rounding, or lie far apart, ask for no table of a million buckets."""
    for t in ([0, 1e-12, 1, 2, 3], [0, 1, 2, 3, 1e6], [0.1, 0.35, 0.5, 1.07, 2.0], [1, 1, 1, 1, 1]):
        table = table_of(np.full((5, 1), 0.1), np.ones((5, 1)), np.array(t, dtype=float))
        assert not worth_registers(table, np.dtype(np.float32))


def test_kinks_far_apart_and_equal_ones():
    t = np.array([0, 0, 0, 1e-9, 1.0, 1e6])
    flow = PlanarFlow(np.full((6, 1), 0.1), np.ones((6, 1)), t)
    places, *_ = pack_tables([table_of(flow.a, flow.w, flow.t)], np.dtype(np.float64))
    assert places[0, 3] > 1
    x = np.array([[-1.0], [0], [5e-10], [0.5], [2], [1e5], [1e7], [np.nan]])
    long = Runtime.of(tuple(np.repeat(part, 10, axis=0) for part in flow._maps[:3]) + flow._maps[3:])
    short = Runtime.of(
        tuple(np.repeat(part, 10, axis=0) for part in flow._maps[:3]) + flow._maps[3:], tables=False
    )
    np.testing.assert_allclose(long.forward(x), short.forward(x), rtol=1e-12)


def test_an_affine_map_ends_a_run():
    w = np.ones((5, 2)) / np.sqrt(2)
    assert parallel_runs(w, np.array([], dtype=np.int64)) == [(0, 5)]
    assert parallel_runs(w, np.array([2, 2])) == [(0, 2), (2, 5)]
    assert parallel_runs(np.zeros((2, 2)), np.array([], dtype=np.int64)) == []
    assert parallel_runs(np.zeros((0, 2)), np.array([0])) == []


def test_many_maps_with_one_kink():
    w, a = np.ones((60, 1)), np.full((60, 1), 0.01)
    flow = PlanarFlow(a, w, np.zeros(60))
    x = np.linspace(-1, 1, 9)[:, None]
    np.testing.assert_allclose(flow(x), np.where(x > 0, 1.01**60 * x, x), rtol=1e-13)


def test_very_long_runs():
    rng = np.random.default_rng(0)
    kinks = 100_000
    w, a = np.ones((kinks, 1)), rng.uniform(-1, 1, (kinks, 1)) / kinks
    flow = PlanarFlow(a, w, rng.uniform(-1, 1, kinks))
    assert parallel_runs(flow.w, flow.stops) == [(0, 100_000)]
    x = rng.uniform(-1, 1, (50, 1))
    # A hundred thousand maps of size 1e-5 each.
    np.testing.assert_allclose(flow(x), Runtime.of(flow._maps, tables=False).forward(x), rtol=0, atol=1e-11)


def test_types_and_places_of_results():
    flow = random_flow(np.random.default_rng(0), 2, "mixed")
    x = np.random.default_rng(1).uniform(-1, 1, (5, 2))
    assert flow(x.astype(np.float32)).dtype == np.float32
    for other in (np.float16, ">f8"):
        assert flow(x.astype(other)).dtype == np.float64
    out = np.empty_like(x)
    assert flow.inverse(x, out=out) is out
    locked = np.empty_like(x)
    locked.setflags(write=False)
    for wrong in (np.empty((4, 2)), np.empty((5, 2), np.float32), np.empty((5, 4))[:, ::2], locked):
        with pytest.raises(ValueError, match="out must be"):
            flow(x, out=wrong)
    with pytest.raises(ValueError, match="a tangent for each point"):
        flow.jvp(x, x[:3])


def test_a_pickled_flow_has_no_kernels():
    flow = random_flow(np.random.default_rng(0), 2, "grids")
    x = np.random.default_rng(1).uniform(-1, 1, (50, 2))
    before = len(pickle.dumps(flow))
    y = flow(x)
    message = pickle.dumps(flow)
    assert len(message) == before
    assert np.array_equal(pickle.loads(message)(x), y)  # noqa: S301, it is our own


def test_nan_stays_with_its_point():
    flow = random_flow(np.random.default_rng(0), 3, "mixed")
    x = np.random.default_rng(1).uniform(-1, 1, (100, 3))
    y = flow(x)
    x[50, 1] = np.nan
    assert np.all(np.isnan(flow(x)[50]))
    rest = np.arange(100) != 50
    assert np.array_equal(flow(x)[rest], y[rest])
