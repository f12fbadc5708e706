"""Workers: the parts of a proof, done by other processes or machines, or here.

Parts are independent and their results are put in order, so a proof comes out the same whoever did them. A
part that was lost with its worker is done here.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from math import inf, isinf
from time import perf_counter, time
from types import ModuleType
from typing import TypeVar

from ..runtime.threads import own_threads

# Seconds of work that are worth starting processes for, which takes some seconds itself.
_WORTH = 6.0
# Parts that watch a deadline end that soon after it, in seconds, on a processor that others use, too.
_PATIENCE = 0.3

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Applies functions to items. With `executor`, any of `concurrent.futures` or Dask's, it does that; with
    none, so does this process, until what is left is worth starting others.

    Parts are to end by themselves after the deadline, in seconds as of `time.time()`: one that does not come
    back then is done here.
    """

    def __init__(self, executor: Executor | None = None, deadline: float = inf):
        self._executor = executor
        self._own: ProcessPoolExecutor | None = None
        self._deadline = deadline

    def map(self, function: Callable[[T], R], items: Sequence[T], costly: bool = False) -> list[R]:
        """The results, in order. `costly` says that a part is worth being sent to another process at all,
        where that was left to us. Raises what the function raises."""
        executor = self._executor or (self._own if costly else None)
        if executor is not None:
            return _send(executor, partial(_on_one_thread, function), items, self._deadline)
        done: list[R] = []
        begun = perf_counter()
        while len(done) < len(items):
            done.append(function(items[len(done)]))
            remaining = (perf_counter() - begun) * (len(items) / len(done) - 1)
            worth = min(remaining, self._deadline - time()) > _WORTH
            if costly and worth and (os.cpu_count() or 1) > 1:
                self._own = _processes()
                return done + self.map(function, items[len(done) :], costly)
        return done

    def close(self) -> None:
        if self._own is not None:
            # After the deadline nobody waits for processes that have only just been started.
            self._own.shutdown(wait=time() <= self._deadline, cancel_futures=True)


@contextmanager
def workers(executor: Executor | None, deadline: float = inf) -> Iterator[Workers]:
    """Workers whose own processes end with the block."""
    those = Workers(executor, deadline)
    try:
        yield those
    finally:
        those.close()


def _send(executor: Executor, function: Callable[[T], R], items: Sequence[T], deadline: float) -> list[R]:
    futures: list[Future[R] | None] = []
    for item in items:
        try:
            futures.append(executor.submit(function, item))
        except RuntimeError:  # Its processes have died, or it was shut down.
            futures.append(None)
    results = []
    for item, future in zip(items, futures):
        try:
            patience = None if isinf(deadline) else max(0.0, deadline + _PATIENCE - time())
            results.append(function(item) if future is None else future.result(patience))
        except Exception:
            # A worker was killed or is late, or the function raises: then it does so here, too.
            results.append(function(item))
    return results


def _on_one_thread(function: Callable[[T], R], item: T) -> R:
    """Workers are as many as there are processors: none needs threads of its own."""
    with own_threads(1):
        return function(item)


def _processes() -> ProcessPoolExecutor:
    """Fresh processes: forked ones would share locks with threads that they do not have."""
    count = os.cpu_count() or 1
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
    # A fresh process imports the user's script as its main module, and would run it again where it does not
    # look for that. The workers need nothing of it: they are started while there is none.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        for _ in range(count):
            pool.submit(os.getpid)
    finally:
        sys.modules["__main__"] = main
    return pool


def batches(count: int, size: int) -> list[slice]:
    """`count` things in batches of at most `size`."""
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]
