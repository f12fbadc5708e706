"""Constructions for tests: one that follows a script, and any one with these limits."""

from types import SimpleNamespace
from typing import ClassVar

import pytest

from vanillaflow import PlanarFlow
from vanillaflow.constructions.construction import Constructed, Construction, Limits
from vanillaflow.constructions.registry import CONSTRUCTIONS


def scripted(*steps: PlanarFlow | BaseException) -> type[Construction]:
    """The construction that returns or raises these one after the other; `aims` are what it was asked for."""
    left = list(steps)

    class Scripted(Construction):
        aims: ClassVar[list[float]] = []

        def within(self, tolerance: float) -> Constructed:
            self.aims.append(tolerance)
            step = left.pop(0)
            if isinstance(step, BaseException):
                raise step
            return Constructed(step, f"step {len(self.aims)}")

    return Scripted


def register(monkeypatch: pytest.MonkeyPatch, construction: type[Construction]) -> str:
    """Make it known under a name, which is returned."""
    monkeypatch.setitem(CONSTRUCTIONS, "scripted", SimpleNamespace(load=lambda: construction, summary=""))
    return "scripted"


def limits(max_kinks: int = 20_000, **more) -> Limits:
    return Limits(max_kinks, **more)
