"""Work in parts on threads of our own, everything inside a part on one thread.

The matrices of a refinement are small: the threads of a BLAS, and of numba beside them, spend more time
waiting for one another than they save (measured with two of each on two cores: ten times slower). So they
are held to one thread each, and independent parts of the work run side by side, in kernels that release the
interpreter's lock. How the work is divided does not depend on the number of threads, nor does any result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import numba
from threadpoolctl import threadpool_limits

# Points in a part: fewer are not worth a thread.
_LEAST_POINTS = 512
_MOST_PARTS = 16

T = TypeVar("T")
_pool: ContextVar[ThreadPoolExecutor | None] = ContextVar("pool", default=None)


@contextmanager
def own_threads(count: int | None = None) -> Iterator[None]:
    """Within it, libraries compute on one thread, and `side_by_side` on `count`, or as many as numba had."""
    before = numba.get_num_threads()
    count = count or before
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(count) as pool:
            token = _pool.set(pool if count > 1 else None)
            try:
                yield
            finally:
                _pool.reset(token)
    finally:
        numba.set_num_threads(before)


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of the tasks, in order."""
    pool = _pool.get()
    if pool is None or len(tasks) == 1:
        return [task() for task in tasks]
    return [future.result() for future in [pool.submit(task) for task in tasks]]


def parts_of(count: int) -> list[slice]:
    """`count` points in parts of about equal size."""
    parts = max(1, min(_MOST_PARTS, count // _LEAST_POINTS))
    return [slice(i * count // parts, (i + 1) * count // parts) for i in range(parts)]
