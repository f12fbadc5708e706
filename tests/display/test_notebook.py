"""What notebooks show: everything escaped, nothing loaded, and a picture that is the flow's."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
import zoo_cases
from flow_cases import flows, random_flow
from random_objects import PROVENANCE, random_network
from vanillaflow.display.grid_svg import grid_svg

HOSTILE = "</td><script>alert('x')</script>&amp; \"quoted\" \x1b[31m\nred"


def parsed(html: str) -> ET.Element:
    """The tree; what is well-formed and has no entities of HTML is XML, too."""
    return ET.fromstring(html)


def table(thing) -> dict[str, str]:
    """The rows of the thing's table."""
    rows = parsed(thing._repr_html_()).iter("tr")
    return {row[0].text or "": row[1].text or "" for row in rows}


def curves(svg: ET.Element) -> list[list[np.ndarray]]:
    """The lines of each <path>, as points in the units of the picture."""
    found = []
    for path in svg.iter("path"):
        lines = []
        for part in path.get("d").split("M")[1:]:
            start, _, steps = part.partition("l")
            moves = [start.split(), *np.array(steps.split()).reshape(-1, 2).tolist()]
            lines.append(np.cumsum(np.array(moves, dtype=float), axis=0))
        found.append(lines)
    return found


def test_a_flow_says_what_it_is():
    flow = zoo_cases.compiled("pendulum")
    rows = table(flow)
    assert rows["flow"].startswith(f"{flow.kinks} kinks") and rows["system"] == "pendulum"
    assert rows["box"] == "[-2, 2]^2" and rows["tolerance"] == "0.1" and rows["method"] == "split"
    assert f"{flow.provenance.error:.4g}" in rows["error"] and "lower bound" in rows["error"]


@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu", "relu"])
def test_a_network_says_what_it_is(dialect):
    network = random_network(3, d=2, dialect=dialect)
    rows = table(network)
    assert f"width {network.width}, depth {network.depth}" in rows["network"]
    assert rows["dialect"].startswith(dialect) and "condition" in rows
    assert rows["system"] == "damped pendulum — θ"


def test_a_large_network_is_shown_at_once(monkeypatch):
    network = random_network(3, d=60, depth=30)
    monkeypatch.setattr(type(network), "condition_numbers", lambda _: pytest.fail("took its time"))
    assert "condition" not in table(network)


@pytest.mark.parametrize("method", ["sampled", "statistical"])
def test_a_certificate_says_what_it_says(method):
    flow, target = zoo_cases.compiled("pendulum"), zoo_cases.target("pendulum")
    certificate = vf.certify(flow, target, method, points=500)
    rows = table(certificate)
    assert rows["says"] == certificate.statement and rows[""] == certificate.basis
    assert rows["system"] == "pendulum" and rows["points"] == str(certificate.points)


@given(name=st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_any_name_is_text(name):
    flow = random_flow(0, 3, ["plain"]).with_provenance(replace(PROVENANCE, system=name, method=name))
    rows = table(flow)
    assert rows["system"] == rows["method"]
    assert rows["system"].isprintable()


def test_hostile_names_stay_text():
    provenance = replace(PROVENANCE, system=HOSTILE, method=HOSTILE, version=HOSTILE, error_method=HOSTILE)
    flow = random_flow(0, 2, ["plain"] * 2).with_provenance(provenance)
    certificate = replace(
        vf.certify(flow, zoo_cases.target("pendulum")), system=HOSTILE, reference=HOSTILE, version=HOSTILE
    )
    for thing in (flow, flow.to_network(), certificate):
        html = thing._repr_html_()
        tags = {element.tag for element in parsed(html).iter()}
        assert tags <= {"div", "table", "caption", "tbody", "tr", "th", "td", "svg", "path"}
        assert "<script" not in html and "\x1b" not in html
        assert "</td><script>alert('x')</script>&amp; \"quoted\"" in table(thing)["system"]
        # Nothing is fetched, and no color but those of the lines is set.
        assert not re.search(r"https?:|url\(|src=|<style|(?<![-a-z])color:(?!inherit)", html)


@given(flow=flows(dims=(2,)))
@settings(max_examples=40, deadline=None)
def test_any_flow_has_a_small_page_and_always_the_same(flow):
    html = flow._repr_html_()
    assert html == flow._repr_html_() and len(html) < 30_000
    paths = parsed(html).find("svg").findall("path")
    assert len(paths) == 3
    for path in paths:
        assert re.fullmatch(r"(M-?\d+ -?\d+l(-?\d+ -?\d+ ?)+)*", path.get("d"))


@pytest.mark.parametrize("seed", range(5))
def test_the_picture_is_the_image_of_the_grid(seed):
    flow = random_flow(seed, 2, ["plain"] * 6)
    box, first, second = curves(parsed(flow._repr_html_()).find("svg"))
    lines, (low, high) = len(first), (flow.domain.low, flow.domain.high)
    assert len(box) == 2 * lines == 2 * len(second)
    ticks = np.linspace(0, 1, lines)
    along = [[(0, s), (1, s)] for s in ticks] + [[(s, 0), (s, 1)] for s in ticks]
    before = low + np.array(along) * (high - low)
    after = flow(before.reshape(-1, 2)).reshape(before.shape)
    # Units and their origin from the box, which is drawn to half a unit.
    drawn = np.array(box)
    near, far = drawn.reshape(-1, 2).min(axis=0), drawn.reshape(-1, 2).max(axis=0)
    scale = (far - near).max() / (high - low)[np.argmax(far - near)]
    for line, end in zip(first + second, after):
        shown = np.array([near[0], far[1]]) + np.array([1, -1]) * (end - low) * scale
        assert np.max(np.abs(line[[0, -1]] - shown)) <= 2 + 1.5 / np.max(far - near) * np.max(np.abs(shown))
    for straight, start in zip(drawn, before):
        shown = np.array([near[0], far[1]]) + np.array([1, -1]) * (start - low) * scale
        assert np.max(np.abs(straight - shown)) <= 2


def test_where_there_is_no_picture():
    for thing in (
        random_flow(0, 3, ["plain"]),
        random_flow(0, 1, ["plain"]),
        random_network(0, d=2, described=False),
    ):
        assert parsed(thing._repr_html_()).find("svg") is None
    box = vf.Box([0, 0], [1, 1])
    with np.errstate(all="ignore"):
        assert grid_svg(lambda x: 1 / (x - x), box) == ""
    with pytest.raises(ValueError, match="two dimensions"):
        grid_svg(lambda x: x, vf.Box([0], [1]))


def test_a_strip_is_stretched():
    box = vf.Box([0, 0], [100, 1])
    svg = ET.fromstring(grid_svg(lambda x: x, box))
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert width == height
    box = vf.Box([0, 0], [2, 1])
    _, _, width, height = map(float, ET.fromstring(grid_svg(lambda x: x, box)).get("viewBox").split())
    assert height < 0.6 * width
