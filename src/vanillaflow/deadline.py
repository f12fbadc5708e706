"""The time until which work may go on, known to all stages without being handed from one to the next.

Stages that have something to show look at the clock themselves and end with that. What is left is here:
wherever a stage may take long it calls `check`, which raises TimeIsUp somewhat later than that. Without a
limit nothing depends on the clock. Threads of `runtime.threads` have the limit of the one that they work for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf, isfinite
from time import perf_counter

from .errors import VanillaflowError

_deadline: ContextVar[float] = ContextVar("deadline", default=inf)


class TimeIsUp(VanillaflowError):
    """The deadline has passed. compile() turns it into ToleranceNotReached, with the best flow so far."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Until so many seconds from now, and no later than the limit that there is."""
    if not isfinite(seconds):
        yield
        return
    before = _deadline.set(min(_deadline.get(), perf_counter() + seconds))
    try:
        yield
    finally:
        _deadline.reset(before)


@contextmanager
def extend(seconds: float) -> Iterator[None]:
    """So many seconds from now, once the limit has passed: to say what was reached by then."""
    before = _deadline.set(perf_counter() + seconds)
    try:
        yield
    finally:
        _deadline.reset(before)


def check() -> None:
    """Raises TimeIsUp once the limit has passed."""
    limit = _deadline.get()
    if limit != inf and perf_counter() > limit:
        raise TimeIsUp("time is up")
