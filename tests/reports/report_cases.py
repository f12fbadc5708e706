"""Systems with quickly compiled flows, their reports, and what a report's page holds."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import vanillaflow as vf
from vanillaflow import FeedforwardNetwork, PlanarFlow
from vanillaflow.systems.system import System

# Compiled by the method that is soonest ready.
TOLERANCES = {"pendulum": 5e-2, "spiral_node": 2e-1, "lorenz": 5e-1}


@cache
def compiled(name: str) -> PlanarFlow:
    return vf.compile(vf.zoo.load(name).target(), TOLERANCES[name], method="split")


def affine_last(flow: PlanarFlow) -> PlanarFlow:
    """The same map with one affine map, behind all planar maps: as the default method makes flows."""
    d = flow.dim
    M, m = np.eye(d), np.zeros(d)
    a, w, t = [], [], []
    for place in range(flow.kinks + 1):
        if place > 0:
            # In x with y = M x + m the planar map of y is one again.
            a.append(np.linalg.solve(M, flow.a[place - 1]))
            w.append(M.T @ flow.w[place - 1])
            t.append(flow.t[place - 1] - flow.w[place - 1] @ m)
        for j in np.flatnonzero(flow.stops == place):
            M, m = flow.M[j] @ M, flow.M[j] @ m + flow.m[j]
    return PlanarFlow(a, w, t, [flow.kinks], [M], [m], domain=flow.domain, provenance=flow.provenance)


def near_identity(d: int, kinks: int, seed: int = 0, affine: int = 0) -> PlanarFlow:
    """Random weak planar maps over [-1, 1]^d, with affine maps near the identity among them."""
    rng = np.random.default_rng(seed)
    return PlanarFlow(
        rng.normal(size=(kinks, d)) / (kinks + 1),
        rng.normal(size=(kinks, d)) / np.sqrt(d),
        rng.normal(size=kinks) / 2,
        np.sort(rng.integers(0, kinks + 1, affine)),
        np.eye(d) + 0.1 * rng.normal(size=(affine, d, d)),
        0.1 * rng.normal(size=(affine, d)),
        domain=vf.Box(-np.ones(d), np.ones(d)),
    )


def decay(d: int, name: str = "decay", field=None) -> System:
    """x' = -tanh(x) in every coordinate, over [-1, 1]^d."""
    field = field or vf.RidgeField(-np.eye(d), np.eye(d), np.zeros(d), "tanh")
    return System(name, field, vf.Box(-np.ones(d), np.ones(d)), 0.5)


def write(path: Path, flow: PlanarFlow | FeedforwardNetwork, system, **options) -> str:
    """The text of a report."""
    vf.report(flow, system, path, **options)
    return path.read_text(encoding="utf-8")


def page_data(text: str) -> dict:
    """The numbers in the page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes, text inside, without that of scripts)."""

    VOID = frozenset(("meta", "link", "input", "br"))

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict, list[str]]] = []
        self.open: list[tuple[str, dict, list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {[tag for tag, *_ in self.open]}"

    def handle_starttag(self, tag, attributes):
        element = (tag, dict(attributes), [])
        self.found.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes), []))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.open.pop()

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def named(self, tag: str) -> list[tuple[dict, str]]:
        return [(attributes, "".join(texts)) for name, attributes, texts in self.found if name == tag]
