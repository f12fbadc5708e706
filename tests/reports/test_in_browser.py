"""The page in a browser: its numbers are Python's, its controls move what they should, it loads nothing."""

from itertools import pairwise

import numpy as np
import pytest
from browser import Page
from report_cases import TOLERANCES, decay, near_identity, write

import vanillaflow as vf
from vanillaflow.fields.profiles import get_profile, profile_names
from vanillaflow.reports import page_data as numbers
from vanillaflow.reports.frames import affine_root

Keys = pytest.importorskip(
    "selenium.webdriver.common.keys", reason="selenium is not installed (extra: test)"
).Keys
# What the page may differ from numpy by; its arithmetic has 53 bits, too.
EQUAL = 1e-10
each_system = pytest.mark.parametrize("name", TOLERANCES)


@each_system
def test_page_opens_without_a_word_and_loads_nothing(name, browser: Page, written):
    path = written[name][2]
    browser.open(path)
    assert browser.errors() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@each_system
def test_page_computes_what_numpy_does(name, browser: Page, written):
    flow, target, path = written[name]
    browser.open(path)
    x = target.domain.uniform(200, seed=7)
    for function in ("forward", "network"):
        y = np.array(browser.run(f"return vanillaflow.{function}(arguments[0])", x.tolist()))
        np.testing.assert_allclose(y, flow(x), atol=EQUAL * np.abs(flow(x)).max(), err_msg=function)
    said = browser.run("return document.getElementById('layers-apart').textContent")
    assert float(said) < EQUAL * np.abs(flow(x)).max()


@each_system
def test_trajectories_end_where_the_flow_map_says(name, browser: Page, written):
    _, target, path = written[name]
    browser.open(path)
    x = target.domain.uniform(20, seed=8)
    y = np.array(browser.run("return vanillaflow.ode(arguments[0])", x.tolist()))
    np.testing.assert_allclose(y, target(x), atol=1e-8 * target.domain.width.max())


@each_system
def test_slider_moves_the_grid_to_the_state_after_so_many_maps(name, browser: Page, written):
    flow, _, path = written[name]
    browser.open(path)
    pictures = {}
    for step in (0, flow.kinks // 2, flow.kinks):
        browser.run(
            "const slider = document.getElementById('step'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input'))",
            step,
        )
        assert browser.run("return vanillaflow.state.step") == step
        told = browser.run("return document.getElementById('step-text').textContent")
        assert told == f"{step} of {flow.kinks} kinks"
        grid = np.array(
            browser.run("return vanillaflow.rows(vanillaflow.slice.grid, arguments[0])", flow.dim)
        )
        state = _after(flow, grid, step)
        drawn = np.array(browser.run("return vanillaflow.frame(vanillaflow.state.step)")).reshape(-1, 2)
        np.testing.assert_allclose(drawn, state[:, :2], atol=EQUAL * np.abs(state).max())
        pictures[step] = (browser.pixels("#network-plot"), browser.pixels("#start-plot canvas"))
    assert len({network for network, _ in pictures.values()}) == 3
    assert len({start for _, start in pictures.values()}) == 3


def _after(flow, x, step):
    """The states after so many maps, as they are shown: the affine map behind is spread over them."""
    root = affine_root(flow)
    if root is None:
        return flow[:step](x) if step else x
    for a, w, t in zip(flow.a[:step], flow.w[:step], flow.t[:step]):
        x = x + np.maximum(x @ w - t, 0)[:, None] * a
    power = np.linalg.matrix_power(root, step)
    return x @ power[:-1, :-1].T + power[:-1, -1]


@each_system
def test_kinks_lie_where_the_maps_have_them(name, browser: Page, written):
    flow, target, path = written[name]
    browser.open(path)
    lines = browser.run("return vanillaflow.slice.kinks()")
    assert len(lines) == flow.kinks
    box, seen = target.domain, 0
    for step, line in enumerate(lines):
        if not line:
            continue
        unit = np.reshape(line, (-1, 2))
        x = np.tile(box.center, (len(unit), 1))
        x[:, :2] = box.low[:2] + unit * box.width[:2]
        before = flow[:step](x) if step else x
        if step == 0 and np.any(flow.stops == 0):
            first = np.flatnonzero(flow.stops == 0)
            for j in first:
                before = before @ flow.M[j].T + flow.m[j]
        height = np.abs(before @ flow.w[step] - flow.t[step]) / np.linalg.norm(flow.w[step])
        # Exact but in the squares of the grid that an earlier kink crosses; there within them.
        assert height.max() < (box.width.max() / 160 if seen else 1e-12)
        seen += 1
    assert seen > 0


@each_system
def test_error_map_and_the_error_of_a_point_agree_with_python(name, browser: Page, written):
    flow, target, path = written[name]
    browser.open(path)
    part = np.array([0.25, 0.75])
    x = target.domain.center.copy()
    x[:2] = target.domain.low[:2] + part * target.domain.width[:2]
    for place, value in enumerate(x[:2]):
        browser.run(
            "const field = document.getElementById('start-' + arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('change'))",
            place,
            value,
        )
    error = np.abs(flow(x[None]) - target(x[None])).max()
    said = browser.run("return document.getElementById('by-both').textContent")
    assert float(said) == pytest.approx(error, rel=0.06)
    # 129 points along a side: both parts are points of the map.
    side = browser.run("return vanillaflow.slice.side")
    mapped = browser.run(
        "return vanillaflow.slice.error[arguments[0]]",
        int(part[1] * (side - 1)) * side + int(part[0] * (side - 1)),
    )
    assert mapped == pytest.approx(error, rel=1e-4)
    # Hovering tells the value there.
    browser.run(
        "const plot = document.getElementById('error-plot'), box = plot.querySelector('canvas')"
        ".getBoundingClientRect(); plot.dispatchEvent(new PointerEvent('pointermove',"
        "{ clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }))"
    )
    told = browser.run("return document.getElementById('error-text').textContent")
    assert told.startswith(f"At {vf.zoo.load(name).variables[0]} = ") and float(told.split(": ")[1]) >= 0


def test_everything_is_reached_and_moved_by_the_keyboard(browser: Page, written):
    _, target, path = written["pendulum"]
    browser.open(path)
    reached = []
    for _ in range(12):
        browser.keys(Keys.TAB)
        reached.append(
            browser.run("const e = document.activeElement; return e.id || e.className || e.tagName")
        )
    wanted = ["play", "step", "overlay", "start-plot", "start-0", "start-1", "error-plot", "SUMMARY"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    start = np.array(browser.run("return vanillaflow.state.start"))
    before = browser.pixels("#exact-plot")
    browser.focus("start-plot")
    browser.keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    moved = np.array(browser.run("return vanillaflow.state.start"))
    np.testing.assert_allclose(moved - start, np.array([1, -1]) * target.domain.width / 32)
    assert browser.pixels("#exact-plot") != before
    browser.focus("error-plot")
    browser.keys(*[Keys.ARROW_LEFT] * 100)
    assert browser.run("return vanillaflow.state.start[0]") == target.domain.low[0]
    browser.focus("step")
    browser.keys(Keys.HOME)
    assert browser.run("return vanillaflow.state.step") == 0
    browser.keys(Keys.ARROW_RIGHT)
    assert browser.run("return vanillaflow.state.step") == 1
    picture = browser.pixels("#network-plot")
    browser.focus("overlay")
    browser.keys(Keys.SPACE)
    assert browser.pixels("#network-plot") != picture


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_goes_on_pauses_and_in_whole_steps_where_motion_is_unwelcome(motion, browser: Page, written):
    browser.open(written["lorenz"][2])
    browser.media(motion=motion)
    browser.focus("play")
    browser.keys(Keys.SPACE)
    # Samples of the step for about a second and a half.
    seen = browser.driver.execute_async_script(
        "const done = arguments[0], seen = []; const timer = setInterval(() => {"
        "seen.push(vanillaflow.state.step);"
        "if (seen.length === 30) { clearInterval(timer); done(seen); } }, 50)"
    )
    assert browser.run("return document.getElementById('play').textContent") == "Pause"
    assert seen == sorted(seen) and seen[-1] > 0
    assert all(step == int(step) for step in seen) == (motion == "reduce")
    browser.keys(Keys.SPACE)
    assert browser.run("return document.getElementById('play').textContent") == "Play"
    stopped = browser.run("return vanillaflow.state.step")
    browser.settle()
    assert browser.run("return vanillaflow.state.step") == stopped == int(stopped)


def test_slices_are_chosen(browser: Page, written):
    flow, target, path = written["lorenz"]
    browser.open(path)
    first = browser.pixels("#error-plot canvas")
    browser.run(
        "const choice = document.getElementById('pair'); choice.value = '2';"
        "choice.dispatchEvent(new Event('change'))"
    )
    assert browser.run("return vanillaflow.slice.names") == ["y", "z"]
    assert browser.pixels("#error-plot canvas") != first
    grid = np.array(browser.run("return vanillaflow.rows(vanillaflow.slice.grid, 3)"))
    assert np.ptp(grid[:, 0]) == 0 and target.domain.contains(grid).all()
    drawn = np.array(browser.run("return vanillaflow.frame(vanillaflow.slice.steps)")).reshape(-1, 2)
    np.testing.assert_allclose(drawn, flow(grid)[:, 1:], atol=1e-9)
    assert browser.errors() == []


@each_system
@pytest.mark.parametrize("width", [360, 1100])
def test_nothing_shifts_or_overflows(name, width, browser: Page, written):
    browser.open(written[name][2], width)
    browser.run("document.querySelector('details').open = false")
    browser.focus("start-plot")
    browser.keys(Keys.ARROW_RIGHT)
    browser.settle()
    assert browser.run("return window.layoutShift") < 0.01
    browser.run("document.querySelector('details').open = true")
    for scheme in ("light", "dark"):
        browser.media(scheme)
        browser.settle()
        assert browser.run("return document.documentElement.scrollWidth") <= width


# The contrast of every text with what is behind it, as (ratio, text), smallest first.
CONTRASTS = """
const luminance = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const rgb = numbers(getComputedStyle(e).backgroundColor);
    if (rgb.length === 3 || rgb[3] === 1) return rgb;
  }
  return [255, 255, 255];
};
const found = [];
for (const e of document.body.querySelectorAll("*")) {
  const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(e.tagName) || e.closest("noscript")) continue;
  const style = getComputedStyle(e);
  const one = luminance(numbers(e instanceof SVGElement ? style.fill : style.color));
  const other = luminance(behind(e));
  found.push([(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), e.textContent.slice(0, 40)]);
}
return found.sort((a, b) => a[0] - b[0]);
"""


def test_text_is_readable_in_light_and_dark(browser: Page, written):
    browser.open(written["pendulum"][2])
    pictures = set()
    papers = set()
    for scheme in ("light", "dark"):
        browser.media(scheme)
        browser.settle()
        papers.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
        pictures.add(browser.pixels("#network-plot"))
        ratio, text = browser.run(CONTRASTS)[0]
        assert ratio >= 4.5, (scheme, text)
    assert len(papers) == len(pictures) == 2


NAMELESS = """
const named = (e) => (e.labels && e.labels.length) || e.getAttribute("aria-label")
  || e.getAttribute("aria-labelledby") || (e.tagName === "BUTTON" && e.textContent.trim());
return [...document.querySelectorAll("input, select, button, [role], canvas, svg")]
  .filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 80));
"""


@each_system
def test_controls_are_labelled_and_pictures_named(name, browser: Page, written):
    browser.open(written[name][2])
    assert browser.run("return document.documentElement.lang") == "en"
    assert browser.run("return document.querySelectorAll('main, header, h1').length") == 3
    nameless = browser.run(NAMELESS)
    assert nameless == []
    pictures = browser.run(
        "return [...document.querySelectorAll('canvas, svg')].map((e) => e.getAttribute('role'))"
    )
    assert set(pictures) == {"img"}
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))"
    )
    assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    broken = browser.run(
        "return [...document.querySelectorAll('[aria-labelledby], [aria-describedby], [for]')].flatMap((e) =>"
        "['aria-labelledby', 'aria-describedby', 'for'].map((key) => e.getAttribute(key)).filter(Boolean))"
        ".filter((id) => !document.getElementById(id))"
    )
    assert broken == []
    assert browser.run("return document.querySelectorAll('[aria-live=polite]').length") >= 3


def test_profiles_are_those_of_python(browser: Page, written):
    browser.open(written["pendulum"][2])
    z = np.concatenate([np.linspace(-6, 6, 241), [-1e-9, 0.0, 1e-9, -40.0, 40.0]])
    for name in [*profile_names(), "power5", "leaky_relu(0.3)", "leaky_relu(-0.5)"]:
        found = browser.run("return arguments[1].map(vanillaflow.profile(arguments[0]))", name, z.tolist())
        expected = get_profile(name).value(z)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_stored_trajectories_of_other_fields(d, browser: Page, tmp_path):
    system = decay(d, field=vf.from_callable(lambda x: -np.tanh(x), d))
    write(tmp_path / "r.html", near_identity(d, 4), system)
    browser.open(tmp_path / "r.html")
    browser.focus("start-plot")
    browser.keys(Keys.ARROW_RIGHT)
    start = browser.run("return vanillaflow.state.start")
    x = system.domain.center.copy()
    x[: len(start)] = start
    end = browser.run("return vanillaflow.state.ode.end")
    np.testing.assert_allclose(end, system.target()(x[None])[0, : len(start)], atol=1e-6)
    assert browser.errors() == []


def test_flows_known_by_samples_have_ends_only(browser: Page, tmp_path):
    flow = near_identity(2, 4)
    x = flow.domain.uniform(200, seed=0)
    target = vf.FlowMap.from_samples(x, flow(x), flow.domain)
    write(tmp_path / "r.html", flow, target)
    browser.open(tmp_path / "r.html")
    start, path = browser.run("return [vanillaflow.state.start, Array.from(vanillaflow.state.ode.path)]")
    np.testing.assert_allclose(path, [*start, *target(np.array([start]))[0]], atol=1e-6)
    assert browser.errors() == []


def test_switching_fields_are_integrated_piece_by_piece(browser: Page, tmp_path):
    one, other = decay(2).field, vf.RidgeField(np.eye(2), np.eye(2)[::-1], [0, 1], "sin", c=[0.3, 0])
    system = decay(2, field=vf.PiecewiseField([one, other], [0.2]))
    write(tmp_path / "r.html", near_identity(2, 4), system)
    browser.open(tmp_path / "r.html")
    x = system.domain.uniform(20, seed=0)
    y = np.array(browser.run("return vanillaflow.ode(arguments[0])", x.tolist()))
    np.testing.assert_allclose(y, system.target()(x), atol=2e-8)


def test_frames_of_a_flow_too_large_for_the_page(browser: Page, tmp_path, monkeypatch):
    monkeypatch.setattr(numbers, "_count", lambda flow: 10**8)
    flow = near_identity(3, 40)
    write(tmp_path / "r.html", flow, decay(3))
    browser.open(tmp_path / "r.html")
    browser.focus("step")
    pictures = [browser.pixels("#network-plot")]
    browser.keys(Keys.HOME)
    pictures.append(browser.pixels("#network-plot"))
    assert browser.run("return document.getElementById('step-text').textContent") == "0 of 40 kinks"
    assert len(set(pictures)) == 2
    assert browser.errors() == []


def test_hostile_names_are_text(browser: Page, tmp_path):
    name = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    write(tmp_path / "r.html", near_identity(2, 3), decay(2, name))
    browser.open(tmp_path / "r.html")
    assert browser.run("return document.querySelector('h1').textContent") == f"{name}: its flow as a network"
    assert browser.errors() == []


@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu", "relu"])
def test_network_files(dialect, browser: Page, tmp_path):
    network = near_identity(2, 6, affine=1).to_network(dialect)
    write(tmp_path / "r.html", network, decay(2), dtype="float32")
    browser.open(tmp_path / "r.html")
    x = network.domain.uniform(100, seed=3)
    for function in ("forward", "network"):
        y = np.array(browser.run(f"return vanillaflow.{function}(arguments[0])", x.tolist()))
        np.testing.assert_allclose(y, network(x), atol=1e-9)
    assert browser.errors() == []
