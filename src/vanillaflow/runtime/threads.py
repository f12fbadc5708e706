"""Work in parts on threads of our own, everything inside a part on one thread.

The matrices of a refinement are small: the threads of a BLAS, and of numba beside them, spend more time
waiting for one another than they save (measured with two of each on two cores: ten times slower). So they
are held to one thread each, and independent parts of the work run side by side, in kernels that release the
interpreter's lock, unless they are small. How the work is divided does not depend on the number of threads,
nor does any result.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from math import inf
from threading import local
from typing import TypeVar

import numba
from threadpoolctl import threadpool_limits

# Points in a part: fewer are not worth a thread.
_LEAST_POINTS = 512
_MOST_PARTS = 16
# Multiply-adds of a task: to hand over less, a third of a millisecond, costs more than it saves.
_LEAST_WORK = 500_000

T = TypeVar("T")
# Whether this thread works on a part already: then it does the parts of that itself.
_here = local()
_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    global _pool
    _pool = None


# A child process has none of the threads.
os.register_at_fork(after_in_child=_forget_pool)


@contextmanager
def own_threads(count: int | None = None) -> Iterator[None]:
    """Within it, libraries compute on one thread, and `side_by_side` on `count`, or as many as numba had."""
    before = numba.get_num_threads()
    outer = getattr(_here, "count", None)
    numba.set_num_threads(1)
    _here.count = count or outer or before
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        numba.set_num_threads(before)
        _here.count = outer


def side_by_side(tasks: Sequence[Callable[[], T]], work: float = inf) -> list[T]:
    """The results of the tasks, in order; `work` is about how many multiply-adds each takes.

    This thread takes part. Another needs a while to wake, and finds nothing left if the tasks were small. It
    has the deadline of this one.
    """
    count = min(thread_count(), len(tasks))
    if count < 2 or work < _LEAST_WORK:
        return [task() for task in tasks]
    results: dict[int, T] = {}
    left = deque(enumerate(tasks))

    def work_off() -> None:
        while left:
            try:
                number, task = left.popleft()
            except IndexError:
                # Another thread was faster.
                return
            results[number] = task()

    others = [_threads(count - 1).submit(copy_context().run, work_off) for _ in range(count - 1)]
    before = getattr(_here, "count", None)
    _here.count = 1
    try:
        work_off()
    except BaseException:
        left.clear()
        raise
    finally:
        _here.count = before
    for other in others:
        if not other.cancel():
            other.result()
    return [results[number] for number in range(len(tasks))]


def thread_count() -> int:
    """How many parts `side_by_side` works on at a time."""
    return getattr(_here, "count", None) or numba.get_num_threads()


def _working() -> None:
    _here.count = 1


def _threads(count: int) -> ThreadPoolExecutor:
    """So many threads, kept from one call to the next."""
    global _pool
    if _pool is None or _pool._max_workers != count:
        _pool = ThreadPoolExecutor(count, initializer=_working)
    return _pool


def parts_of(count: int, least: int = _LEAST_POINTS) -> list[slice]:
    """`count` points in parts of about equal size, not much smaller than `least`."""
    parts = max(1, min(_MOST_PARTS, count // max(least, 1)))
    return [slice(i * count // parts, (i + 1) * count // parts) for i in range(parts)]
