"""Own threads: the same results whatever their number, and the libraries' threads as they were."""

from threading import Barrier, get_ident

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_info

import vanillaflow as vf
from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.slices import sliced_start
from vanillaflow.deadline import TimeIsUp, check, within
from vanillaflow.runtime.threads import own_threads, parts_of, side_by_side, thread_count
from vanillaflow.sampling.samples import sample


def test_a_fit_does_not_depend_on_the_number_of_threads():
    target = vf.zoo.pendulum().target()

    def fitted(count):
        with own_threads(count):
            samples, rng = sample(target, 3000, 0), np.random.default_rng(0)
            return minimize(sliced_start(target, 10, 3, rng, 0), samples, 4.0, 4, rng).parameters

    one, three = fitted(1), fitted(3)
    assert np.array_equal(one.pack(), three.pack())


def test_results_come_in_order_and_errors_come_through():
    with own_threads(2):
        assert side_by_side([lambda i=i: i**2 for i in range(20)]) == [i**2 for i in range(20)]
        with pytest.raises(ZeroDivisionError):
            side_by_side([lambda: 1, lambda: 1 // 0])


def test_small_tasks_stay_on_this_thread():
    with own_threads(2):
        assert set(side_by_side([get_ident] * 8, work=10)) == {get_ident()}


def test_as_many_tasks_run_at_a_time_as_there_are_threads():
    for count in (2, 3):
        with own_threads(count):
            # Each waits for all others; all but one would wait in vain on fewer threads.
            everyone = Barrier(count, timeout=60)
            assert sorted(side_by_side([everyone.wait] * count)) == list(range(count))


def test_tasks_inside_a_task_stay_on_its_thread():
    def inside():
        return {get_ident()} == set(side_by_side([get_ident] * 8))

    with own_threads(2):
        assert all(side_by_side([inside] * 8))
        assert thread_count() == 2


def test_an_error_ends_the_work():
    done = []

    def fails():
        raise ZeroDivisionError

    with own_threads(2):
        with pytest.raises(ZeroDivisionError):
            side_by_side([fails, fails, *[lambda: done.append(1)] * 100])
        assert len(done) < 100 and thread_count() == 2


def test_all_threads_have_the_deadline():
    def late():
        with pytest.raises(TimeIsUp):
            check()
        return get_ident()

    with own_threads(2), within(0.0):
        everyone = Barrier(2, timeout=60)
        assert len({*side_by_side([lambda: (everyone.wait(), late())[1]] * 2)}) == 2


def test_libraries_get_their_threads_back():
    def threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before, numba_before = threads(), numba.get_num_threads()
    with own_threads(2):
        assert set(threads()) <= {1} and numba.get_num_threads() == 1
    assert threads() == before and numba.get_num_threads() == numba_before


def test_parts_cover_all_points_once():
    for count in (1, 511, 512, 5000, 100_000):
        covered = np.concatenate([np.arange(count)[part] for part in parts_of(count)])
        assert np.array_equal(covered, np.arange(count))
