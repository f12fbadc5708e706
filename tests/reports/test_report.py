"""What a report holds, that nothing in it can break out, and when it is refused."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from report_cases import TOLERANCES, Elements, compiled, decay, near_identity, page_data, write

import vanillaflow as vf
from vanillaflow import reports
from vanillaflow.errors import CertificateRefused, OutputError, VanillaflowError
from vanillaflow.reports import contents as gathering
from vanillaflow.reports import page_data as numbers
from vanillaflow.reports.arrays import encode, script_json
from vanillaflow.reports.slices import slice_points
from vanillaflow.systems.system import System

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'\u2028"
MEGABYTES = 1e6


def decoded(array: dict) -> np.ndarray:
    values = np.frombuffer(
        base64.b64decode(array["base64"]), dtype=np.dtype(array["dtype"]).newbyteorder("<")
    )
    return values.reshape(array["shape"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_come_back(dtype):
    array = np.random.default_rng(0).normal(size=(3, 4)).T
    np.testing.assert_array_equal(decoded(encode(array, dtype)), array.astype(dtype))


def test_json_cannot_end_its_script():
    text = script_json({"name": HOSTILE})
    assert json.loads(text) == {"name": HOSTILE}
    assert not set("<>&\u2028") & set(text)
    with pytest.raises(ValueError):
        script_json(float("inf"))


@pytest.mark.parametrize("name", TOLERANCES)
def test_page_is_whole_small_and_loads_nothing(name, tmp_path):
    text = write(tmp_path / "r.html", compiled(name), vf.zoo.load(name))
    assert len(text.encode()) < 3 * MEGABYTES
    elements = Elements(text)
    identities = [attributes["id"] for _, attributes, _ in elements.found if "id" in attributes]
    assert len(identities) == len(set(identities))
    loading = {"src", "srcset", "action", "formaction", "data", "style"}
    for tag, attributes, _ in elements.found:
        assert not loading & set(attributes)
        assert not any(key.startswith("on") for key in attributes)
        assert attributes.get("href", "data:,") == "data:,"
        assert tag not in ("iframe", "object", "embed", "base", "img")
    # The only things that may run or style are those whose hashes the policy names.
    policy = next(a["content"] for a, _ in elements.named("meta") if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_page_says_what_is_known(tmp_path):
    flow, system = compiled("pendulum"), vf.zoo.pendulum()
    certificate = vf.certify(flow, system.target(), seed=3)
    text = write(tmp_path / "r.html", flow, system, certificate=certificate)
    shown = " ".join("".join(texts) for _, _, texts in Elements(text).found)
    network = flow.to_network()
    for expected in (
        *system.equations,
        "damping = 0.2",
        certificate.statement,
        certificate.network_hash,
        f"{flow.kinks} of them",
        f"{network.depth} layers",
        str(network.parameters),
        "tolerance 0.05",
        "vf.zoo.load('pendulum')",
        "vf.compile(system.target(), tol=0.05, method='split')",
        f"vanillaflow {vf.__version__}",
    ):
        assert expected in shown, expected
    assert [title for _, title in Elements(text).named("h1")] == ["pendulum: its flow as a network"]


def test_layers_are_those_of_the_network(tmp_path):
    flow = compiled("pendulum")
    for dialect in ("leaky_relu", "prelu", "relu"):
        network = flow.to_network(dialect)
        elements = Elements(write(tmp_path / "r.html", flow, vf.zoo.pendulum(), dialect=dialect))
        rows = [text for _, text in elements.named("tr")][1:]
        assert len(rows) == network.depth + 1
        cells = [text for _, text in elements.named("td")]
        norms = [np.linalg.norm(W, 2) for W in network.weights]
        np.testing.assert_allclose([float(text) for text in cells[1::5]], norms, rtol=1e-3)
        np.testing.assert_allclose(
            [float(text) for text in cells[2::5]], network.condition_numbers(), rtol=1e-3
        )
        largest = [b.max() for b in network.biases]
        np.testing.assert_allclose([float(text) for text in cells[4::5]], largest, rtol=1e-3, atol=1e-12)


def test_numbers_are_those_of_flow_network_and_solver(tmp_path):
    flow, target = compiled("lorenz"), vf.zoo.lorenz().target()
    data = page_data(write(tmp_path / "r.html", flow, target))
    assert data["precision"] == "float64"
    for name in ("a", "w", "t", "M", "m"):
        np.testing.assert_array_equal(decoded(data["flow"][name]), getattr(flow, name))
    network = flow.to_network()
    for found, W in zip(data["network"]["weights"], network.weights, strict=True):
        np.testing.assert_array_equal(decoded(found), W)
    assert [part["pair"] for part in data["slices"]] == [[0, 1], [0, 2], [1, 2]]
    part, side = data["slices"][1], data["slices"][1]["side"]
    # The point two thirds along x, a third along z, y in the middle.
    i, j = 2 * (side - 1) // 3, (side - 1) // 3
    box = target.domain
    x = box.center.copy()
    x[0] = box.low[0] + i / (side - 1) * box.width[0]
    x[2] = box.low[2] + j / (side - 1) * box.width[2]
    error = np.abs(flow(x[None]) - target(x[None])).max()
    assert decoded(part["error"])[j * side + i] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("d", [1, 3, 16])
def test_any_dimension(d, tmp_path):
    data = page_data(write(tmp_path / "r.html", near_identity(d, 5), decay(d)))
    pairs = [tuple(part["pair"]) for part in data["slices"]]
    assert (
        pairs
        == {
            1: [(0,)],
            3: [(0, 1), (0, 2), (1, 2)],
            16: [(0, 1), (0, 2), (0, 3), (0, 8)],
        }[d]
    )
    assert data["variables"] == [f"x{i + 1}" for i in range(d)]


def test_pairs_are_chosen(tmp_path):
    flow, system = near_identity(4, 3), decay(4)
    data = page_data(write(tmp_path / "r.html", flow, system, pairs=[(3, 1), (3, 1), (0, 2)]))
    assert [part["pair"] for part in data["slices"]] == [[3, 1], [0, 2]]
    for wrong in ([(0, 0)], [(0, 4)], [(0, -1)], [(0,)], [], [(i, j) for i in range(4) for j in range(4)]):
        with pytest.raises(ValueError, match="pair"):
            vf.report(flow, system, tmp_path / "no.html", pairs=wrong)
    assert not (tmp_path / "no.html").exists()


def test_large_flows_are_stored_in_less_detail(monkeypatch):
    flow, system = near_identity(2, 300, affine=2), decay(2)
    contents = gathering.gather(flow, system, None, None, "leaky_relu", "float64", 0)
    rest = numbers._characters(numbers._data(contents))
    maps = numbers._count(flow) * 8 * 4 / 3
    layers = contents.network.parameters * 8 * 4 / 3
    found = {}
    for room in (1.05 * (maps + layers), 0.55 * (maps + layers), 0.55 * maps, 0.3 * maps):
        monkeypatch.setattr(numbers, "_MOST", rest + room)
        data = numbers.page_data(contents)
        found[data["precision"], "network" in data] = data
    assert set(found) == {("float64", True), ("float32", True), ("float32", False), ("frames", False)}
    frames = found["frames", False]["frames"]
    assert frames["depths"][0] == 0 and frames["depths"][-1] == flow.kinks
    lines = contents.slices[0].lines
    x = slice_points(system.domain, (0, 1), contents.slices[0].side)[lines]
    np.testing.assert_allclose(decoded(frames["grids"][0])[-1], flow(x), atol=1e-6)


def test_the_largest_report_is_below_three_megabytes(tmp_path, monkeypatch):
    """The most slices that there can be, each in the most detail, with stored trajectories."""
    monkeypatch.setattr(numbers, "_count", lambda flow: 10**8)
    system = decay(4, field=vf.from_callable(lambda x: -np.tanh(x), 4))
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j][:8]
    text = write(tmp_path / "r.html", near_identity(4, 30), system, pairs=pairs)
    data = page_data(text)
    assert data["precision"] == "frames" and len(data["slices"]) == len(data["stored"]) == 8
    assert len(text.encode()) < 3 * MEGABYTES


def test_a_system_called_as_one_of_the_zoo_is_not_taken_for_it(tmp_path):
    text = write(tmp_path / "r.html", near_identity(2, 3), decay(2, "pendulum"))
    assert "vf.zoo" not in text and "vf.load_system(&#x27;system.toml&#x27;)" in text


def test_names_cannot_break_out(tmp_path):
    field = vf.from_callable(lambda x: -np.tanh(x), 2)
    system = replace(decay(2, HOSTILE, field), variables=(HOSTILE, "y"), equations=(HOSTILE,) * 12)
    flow = compiled("pendulum")
    provenance = replace(flow.provenance, system=HOSTILE, method=HOSTILE, path=((HOSTILE, 3, 0.1),))
    flow = replace(flow, provenance=provenance)
    text = write(tmp_path / "r.html", flow, system, command=["report", HOSTILE])
    elements = Elements(text)
    assert len(elements.named("script")) == 2
    assert not elements.named("img")
    assert page_data(text)["variables"] == [HOSTILE, "y"]


def test_same_arguments_give_the_same_bytes(tmp_path):
    flow, system = compiled("lorenz"), vf.zoo.lorenz()
    assert write(tmp_path / "a.html", flow, system) == write(tmp_path / "b.html", flow, system)


def test_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    flow, system, path = near_identity(2, 2), decay(2), tmp_path / "r.html"
    path.write_text("before")
    monkeypatch.setattr("vanillaflow.reports.page._text", lambda *place: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        vf.report(flow, system, path)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_bad_places_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "gather", lambda *arguments: 1 / 0)
    for name, message in (("r.txt", "must end in .html"), ("none/r.html", "no directory"), ("r", ".html")):
        with pytest.raises(OutputError, match=message):
            reports.report(near_identity(2, 2), decay(2), tmp_path / name)


def test_wrong_arguments(tmp_path):
    flow, system, path = near_identity(2, 2), decay(2), tmp_path / "r.html"
    larger = System("larger", system.field, vf.Box([-2, -2], [1, 1]), 0.5)
    for arguments, message in (
        ((lambda x: x, system), "PlanarFlow or FeedforwardNetwork"),
        ((flow, system.field), "FlowMap or System"),
        ((flow, decay(3)), "dimension 2 but the system has dimension 3"),
        ((flow, larger), "is not inside it"),
    ):
        with pytest.raises(ValueError, match=message):
            vf.report(*arguments, path)
    for options, message in (
        ({"dialect": "sigmoid"}, "dialect"),
        ({"dtype": "float32"}, "float64"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ValueError, match=message):
            vf.report(flow, system, path, **options)
    with pytest.raises(CertificateRefused, match="another network"):
        vf.report(flow, system, path, certificate=vf.certify(near_identity(2, 3), system.target()))
    other = replace(decay(2), duration=1.0)
    with pytest.raises(CertificateRefused, match="another system"):
        vf.report(flow, system, path, certificate=vf.certify(flow, other.target()))
    assert not path.exists()


def test_certificates_of_the_flow_and_of_its_network_are_shown(tmp_path):
    flow, system = near_identity(2, 2), decay(2)
    for certificate in (
        vf.certify(flow, system.target(), "statistical", points=2000),
        vf.certify(flow.to_network(), system.target(), dtype="float32"),
    ):
        text = write(tmp_path / "r.html", flow, system, certificate=certificate)
        assert any(certificate.statement in text for _, text in Elements(text).named("p"))


def test_a_network_that_is_no_homeomorphism_is_refused(tmp_path):
    network = vf.FeedforwardNetwork([np.diag([1.0, 0.0]), np.eye(2)], [np.zeros(2)] * 2, [0.5])
    with pytest.raises(VanillaflowError, match=r"kink by kink.*singular"):
        vf.report(network, decay(2), tmp_path / "r.html")
