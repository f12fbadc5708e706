"""Depth curves: what flows remember of their compilation."""

from dataclasses import replace

import pytest

import vanillaflow as vf
from flow_cases import random_flow
from random_objects import PROVENANCE

PATH = (("fitted", 4, 0.5), ("fitted", 12, 0.1), ("finished", 9, 0.08))


def compiled(system="toy", tolerance: float | None = 0.1, error: float | None = 0.07):
    provenance = replace(PROVENANCE, system=system, path=PATH, tolerance=tolerance, error=error)
    return random_flow(0, 2, ["plain"] * 8).with_provenance(provenance)


def test_the_stages_and_the_flow_itself(two_axes):
    ax = vf.plot.depth_curve(compiled(), ax=two_axes)
    line, final, tolerance, _ = ax.lines
    kinks, errors = line.get_data()
    assert list(kinks) == [4, 12, 9, 8] and list(errors) == [0.5, 0.1, 0.08, 0.07]
    assert (list(final.get_xdata()), list(final.get_ydata())) == ([8], [0.07])
    assert list(tolerance.get_ydata()) == [0.1, 0.1]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < 4 and right > 12 and bottom < 0.07 and top > 0.5


def test_labels_tell_flows_apart():
    ax = vf.plot.depth_curve(compiled(), compiled("cost in $"), compiled(tolerance=0.2))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["toy to 0.1", r"cost in \$", "toy to 0.2", "tolerance"]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 3


def test_style_under_any_name():
    ax = vf.plot.depth_curve(compiled(tolerance=None), c="k", lw=3, marker="x", ls=":")
    line, final = ax.lines
    assert (line.get_color(), line.get_linewidth(), line.get_linestyle()) == ("k", 3, ":")
    assert line.get_marker() == final.get_marker() == "x"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["toy"]


def test_a_network_has_the_stages_only():
    ax = vf.plot.depth_curve(compiled().to_network())
    assert list(ax.lines[0].get_xdata()) == [4, 12, 9]


def test_few_kinks_have_round_numbers_on_the_axis():
    path = (("fitted", 21, 0.011), ("finished", 22, 0.0101))
    flow = random_flow(0, 2, ["plain"] * 22).with_provenance(replace(PROVENANCE, path=path, error=0.0099))
    ax = vf.plot.depth_curve(flow)
    ax.figure.canvas.draw()
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        shown = [
            t.get_text()
            for t, v in zip(axis.get_ticklabels(), axis.get_ticklocs())
            if limits[0] <= v <= limits[1]
        ]
        assert len(shown) >= 2 and all(float(text) > 0 for text in shown)


def test_flows_that_remember_nothing_are_refused():
    flow = random_flow(0, 2, ["plain"] * 3)
    with pytest.raises(ValueError, match="does not remember how it was compiled"):
        vf.plot.depth_curve(compiled(), flow)
    with pytest.raises(ValueError, match="stages"):
        nothing = replace(PROVENANCE, path=())
        vf.plot.depth_curve(flow.with_provenance(nothing).to_network())
    with pytest.raises(ValueError, match="at least one flow"):
        vf.plot.depth_curve()
