"""ONNX files: the right nodes, the same numbers, every batch, and nothing else is read back."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import vanillaflow as vf
from random_objects import PROVENANCE, assert_same_network, random_network, rounding_bound
from vanillaflow.certificates.certificate import Finding
from vanillaflow.certificates.certificate_file import from_json, to_json
from vanillaflow.certificates.fingerprints import network_hash
from vanillaflow.export.onnx import embed_certificate, network_from_onnx, onnx_model, read_onnx_metadata
from vanillaflow.export.tensors import named_tensors
from vanillaflow.files.checksum import checksum
from vanillaflow.network.dialects import DIALECTS

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("onnx")


def with_float32_slopes(network):
    return vf.FeedforwardNetwork(
        network.weights, network.biases, network.slopes.astype(np.float32), network.domain, network.provenance
    )


def run(path, x):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, d=st.integers(1, 8), depth=st.integers(0, 30))
def test_runtime_agrees_to_rounding(directory, dialect, dtype, seed, d, depth):
    network = random_network(seed, d, depth, dialect=dialect)
    network.to_onnx(directory / "agrees", dtype)
    x = network.domain.uniform(200, seed).astype(dtype)
    y = run(directory / "agrees", x)
    assert y.dtype == dtype
    reference = network(x.astype(np.float64))
    assert np.all(np.abs(y - reference) <= rounding_bound(network, x.astype(np.float64), dtype))
    if dtype == "float64":
        assert np.abs(y - reference).max() <= 1e-9


@pytest.mark.parametrize("depth", [100, 1000])
def test_deep_networks_in_float64(depth, tmp_path):
    network = random_network(1, 4, depth)
    network.to_onnx(tmp_path / "deep", "float64")
    x = network.domain.uniform(100)
    assert np.abs(run(tmp_path / "deep", x) - network(x)).max() <= 1e-9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_any_batch(dtype, n, tmp_path):
    network = random_network(2)
    network.to_onnx(tmp_path / "batch", dtype)
    x = network.domain.uniform(n).astype(dtype)
    y = run(tmp_path / "batch", x)
    assert y.shape == (n, network.width)
    assert np.all(np.abs(y - network(x)) <= rounding_bound(network, x.astype(np.float64), dtype))


def test_nodes_of_a_float32_file():
    model = onnx_model(random_network(3, depth=5))
    assert [n.op_type for n in model.graph.node] == ["Gemm", "LeakyRelu"] * 5 + ["Gemm"]
    assert {t.data_type for t in model.graph.initializer} == {TensorProto.FLOAT}


def test_float64_uses_leaky_relu_where_its_attribute_holds_every_slope():
    exact = with_float32_slopes(random_network(3, depth=5))
    assert [n.op_type for n in onnx_model(exact, "float64").graph.node] == ["Gemm", "LeakyRelu"] * 5 + [
        "Gemm"
    ]
    model = onnx_model(random_network(3, depth=5), "float64")
    assert [n.op_type for n in model.graph.node] == ["Gemm", "PRelu"] * 5 + ["Gemm"]
    assert {t.data_type for t in model.graph.initializer} == {TensorProto.DOUBLE}


def test_signature_and_versions():
    model = onnx_model(random_network(4, d=5))
    for end, name in ((model.graph.input, "x"), (model.graph.output, "y")):
        assert [v.name for v in end] == [name]
        dims = end[0].type.tensor_type.shape.dim
        assert (dims[0].dim_param, dims[1].dim_value) == ("batch", 5)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 16)]
    assert model.ir_version == 8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("depth", [0, 1, 9])
def test_checker_passes_on_the_written_file(dtype, depth, tmp_path):
    random_network(5, depth=depth).to_onnx(tmp_path / "file", dtype)
    onnx.checker.check_model(str(tmp_path / "file"), full_check=True)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        random_network(6).to_onnx(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_metadata_of_the_file(tmp_path):
    network = random_network(7)
    network.to_onnx(tmp_path / "file")
    props = {p.key: p.value for p in onnx.load(tmp_path / "file").metadata_props}
    assert props["vanillaflow.version"] == vf.__version__
    assert props["vanillaflow.system"] == PROVENANCE.system
    assert json.loads(props["vanillaflow.domain"])["high"] == network.domain.high.tolist()
    assert json.loads(props["vanillaflow.provenance"])["tolerance"] == 1e-2
    assert read_onnx_metadata(tmp_path / "file") == {
        "version": vf.__version__,
        "dtype": "float32",
        "width": 3,
        "depth": 12,
        "dialect": "leaky_relu",
        "domain": network.domain,
        "system": PROVENANCE.system,
        "duration": 1.25,
        "tolerance": 1e-2,
        "error": 0.1 + 0.2,
        "error_method": "sampled",
        "provenance": PROVENANCE,
    }


def test_metadata_of_a_network_that_knows_nothing(tmp_path):
    random_network(7, described=False).to_onnx(tmp_path / "file", "float64")
    assert read_onnx_metadata(tmp_path / "file") == {
        "version": vf.__version__,
        "dtype": "float64",
        "width": 3,
        "depth": 12,
        "dialect": "leaky_relu",
    }


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(0, 20), st.booleans(), st.sampled_from(list(DIALECTS)))
def test_float64_round_trip(directory, seed, d, depth, described, dialect):
    network = random_network(seed, d, depth, described, dialect)
    network.to_onnx(directory / "round", "float64")
    assert_same_network(network_from_onnx(directory / "round"), network)


def test_float32_round_trip(tmp_path):
    network = random_network(8)
    network.to_onnx(tmp_path / "file")
    rounded = vf.FeedforwardNetwork(
        *(np.array(getattr(network, name)).astype(np.float32) for name in ("weights", "biases", "slopes")),
        network.domain,
        network.provenance,
    )
    assert_same_network(network_from_onnx(tmp_path / "file"), rounded)


@pytest.mark.parametrize("name", ["weights", "biases"])
def test_overflow_names_the_layer(name, tmp_path):
    network = random_network(9)
    arrays = {n: np.array(getattr(network, n)) for n in ("weights", "biases", "slopes")}
    arrays[name][4, 0] = -1e39
    large = vf.FeedforwardNetwork(**arrays)
    with pytest.raises(ValueError, match=f"the {name} of layer 4 overflow float32"):
        large.to_onnx(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    large.to_onnx(tmp_path / "file", "float64")


def test_slope_that_float32_cannot_hold(tmp_path):
    network = vf.FeedforwardNetwork(np.ones((3, 1, 1)), np.zeros((3, 1)), [0.5, 1e-60])
    with pytest.raises(ValueError, match="the slope of layer 1 becomes 0 in float32"):
        network.to_onnx(tmp_path / "file")


@pytest.mark.parametrize("dtype", ["float16", "double", ""])
def test_unknown_dtype(dtype, tmp_path):
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64'"):
        random_network(0).to_onnx(tmp_path / "file", dtype)


# Files that are no chain of ours. Each fault changes a good model.


def drop_last_node(model):
    del model.graph.node[-1]
    model.graph.node[-1].output[0] = "y"


def use_relu(model):
    model.graph.node[1].op_type = "Relu"
    del model.graph.node[1].attribute[:]


def skip_connection(model):
    model.graph.node[2].input[0] = "x"


def slope_per_neuron(model):
    model.graph.node[1].CopyFrom(helper.make_node("PRelu", ["z0", "s"], ["y0"]))
    model.graph.initializer.append(numpy_helper.from_array(np.full(3, 0.5, np.float32), "s"))


def scaled_gemm(model):
    model.graph.node[0].attribute.append(helper.make_attribute("alpha", 2.0))


def another_output(model):
    model.graph.output.append(helper.make_tensor_value_info("z0", TensorProto.FLOAT, ["batch", 3]))


def not_a_number(model):
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3, 3), np.nan, np.float32), "W0"))


def large_slope(model):
    model.graph.node[1].attribute[0].f = 1.5


def bad_domain(model):
    next(p for p in model.metadata_props if p.key == "vanillaflow.domain").value = '{"low": [1]}'


def bad_depth(model):
    next(p for p in model.metadata_props if p.key == "vanillaflow.depth").value = "many"


def no_metadata(model):
    del model.metadata_props[:]


def narrow_layer(model):
    for tensor, shape in zip(model.graph.initializer, [(2, 3), (2,), (3, 2), (3,)]):
        tensor.CopyFrom(numpy_helper.from_array(np.ones(shape, np.float32), tensor.name))


def another_weight(model):
    tensor = model.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.001), tensor.name))


def another_error(model):
    next(p for p in model.metadata_props if p.key == "vanillaflow.error").value = "1e-9"


def external_data(model):
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="/etc/passwd")


FAULTS = {
    drop_last_node: "does not end with a Gemm",
    use_relu: "node 1, Relu, does not continue",
    skip_connection: "node 2 does not read the output",
    slope_per_neuron: "one slope per neuron",
    scaled_gemm: "node 0, Gemm, does not continue",
    another_output: "one output 'y'",
    not_a_number: "must be finite",
    large_slope: r"slopes must be in \(0, 1\]",
    bad_domain: "metadata cannot be read",
    bad_depth: "metadata cannot be read",
    no_metadata: "not written by vanillaflow",
    narrow_layer: r"layer 0 have shape \(2, 3\); a leaky_relu network of 3 inputs .* needs \(3, 3\) there",
    another_weight: "does not match its checksum",
    another_error: "does not match its checksum",
    external_data: "tensors in other files",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_wrong_models(fault, tmp_path):
    model = onnx_model(random_network(10, depth=3))
    fault(model)
    path = tmp_path / "file"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(vf.FileFormatError, match=FAULTS[fault]) as caught:
        network_from_onnx(path)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


def other_activations(model):
    model.graph.node[3].CopyFrom(helper.make_node("LeakyRelu", ["z1"], ["y1"], alpha=0.5))


def one_slope_less(model):
    """In one layer a slope of its own for each neuron, in another one for all."""
    slope = next(t for t in model.graph.initializer if t.name == "slope1")
    slope.CopyFrom(numpy_helper.from_array(np.full(1, 0.5, np.float32), "slope1"))


def unknown_dialect(model):
    next(p for p in model.metadata_props if p.key == "vanillaflow.dialect").value = "gelu"


def another_dialect(model):
    next(p for p in model.metadata_props if p.key == "vanillaflow.dialect").value = "leaky_relu"


@pytest.mark.parametrize(
    ("dialect", "fault", "said"),
    [
        ("relu", other_activations, "node 3, LeakyRelu, does not continue a chain of Gemm and Relu"),
        ("prelu", other_activations, "node 3, LeakyRelu, does not continue a chain of Gemm and PRelu"),
        ("prelu", one_slope_less, "its layers differ in width"),
        ("prelu", unknown_dialect, "of the unknown dialect 'gelu'"),
        ("prelu", another_dialect, "node 1 has one slope per neuron"),
        ("relu", another_dialect, "node 1, Relu, does not continue a chain of Gemm and LeakyRelu"),
    ],
)
def test_wrong_models_of_other_dialects(dialect, fault, said, tmp_path):
    model = onnx_model(random_network(10, depth=3, dialect=dialect))
    fault(model)
    (tmp_path / "file").write_bytes(model.SerializeToString())
    with pytest.raises(vf.FileFormatError, match=said):
        network_from_onnx(tmp_path / "file")


def test_files_from_before_there_were_dialects(tmp_path):
    network = random_network(3)
    model = onnx_model(network, "float64")
    texts = {p.key: p.value for p in model.metadata_props}
    del texts["vanillaflow.dialect"], texts["vanillaflow.sha256"]
    arrays = {name: np.array(getattr(network, name)) for name in ("weights", "biases", "slopes")}
    signed = checksum({key.removeprefix("vanillaflow."): text for key, text in texts.items()}, arrays)
    helper.set_model_props(model, texts | {"vanillaflow.sha256": signed})
    (tmp_path / "file").write_bytes(model.SerializeToString())
    assert_same_network(network_from_onnx(tmp_path / "file"), network)


@pytest.mark.parametrize("content", [b"", b"hello, world", bytes(1000), b"\x80\x04\x95pickle"])
def test_not_onnx(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    for read in (network_from_onnx, read_onnx_metadata):
        with pytest.raises(vf.FileFormatError, match="not a complete ONNX model"):
            read(tmp_path / "file")


def test_truncated_anywhere(tmp_path):
    path = tmp_path / "file"
    random_network(11, depth=4).to_onnx(path)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(vf.FileFormatError):
            network_from_onnx(path)


def test_a_changed_byte_is_refused_or_means_nothing(tmp_path):
    path = tmp_path / "file"
    network = random_network(12, depth=4)
    network.to_onnx(path, "float64")
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 500):
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(spoiled))
        try:
            # A byte in the name of a node, for example.
            assert_same_network(network_from_onnx(path), network)
        except vf.FileFormatError as error:
            assert "\n" not in str(error)


def test_no_such_file(tmp_path):
    with pytest.raises(vf.VanillaflowError, match="there is no file"):
        network_from_onnx(tmp_path / "absent")


# Certificates inside the file.


def certificate_of(network, dtype="float32", d=3, **changes):
    """A certificate that names this network; whether it is true does not matter to a file."""
    box = vf.Box(-np.ones(d), np.ones(d))
    certificate = vf.Certificate(
        **vars(Finding("sampled", 0.125, np.full(d, 0.1), np.zeros(d), 0.0, 64, 0.125)),
        dtype=dtype,
        network_hash=network_hash(network, dtype),
        system="θ\n[pendulum]",
        system_hash="5e",
        duration=0.5,
        box=box,
        reference="its solver",
        seconds=1.5,
    )
    return replace(certificate, **changes)


def change_metadata(path, **changes):
    """Other entries in the metadata of the file, None for one that is left out, with a checksum that fits."""
    model, network = onnx.load(path), network_from_onnx(path)
    entries = {p.key.removeprefix("vanillaflow."): p.value for p in model.metadata_props} | changes
    entries = {key: text for key, text in entries.items() if text is not None and key != "sha256"}
    arrays = named_tensors(network.weights, network.biases, network.slopes, network.dialect)
    entries["sha256"] = checksum(entries, arrays)
    helper.set_model_props(model, {f"vanillaflow.{key}": text for key, text in entries.items()})
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("depth", [0, 5])
def test_certificate_round_trip(depth, dialect, dtype, tmp_path):
    network = random_network(1, depth=depth, dialect=dialect)
    certificate = certificate_of(network, dtype)
    for name, put in (("with", certificate), ("without", None), ("again", certificate)):
        network.to_onnx(tmp_path / name, dtype, certificate=put)
    assert (tmp_path / "with").read_bytes() == (tmp_path / "again").read_bytes()
    read = read_onnx_metadata(tmp_path / "with")
    assert to_json(read.pop("certificate")) == to_json(certificate)
    assert read == read_onnx_metadata(tmp_path / "without")
    assert_same_network(network_from_onnx(tmp_path / "with"), network_from_onnx(tmp_path / "without"))
    # The network that is read back is the one that the certificate is of.
    network_from_onnx(tmp_path / "with").to_onnx(tmp_path / "copy", dtype, certificate=certificate)
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "with").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_runtime_takes_no_notice_of_a_certificate(dtype, tmp_path):
    network = random_network(2)
    network.to_onnx(tmp_path / "with", dtype, certificate=certificate_of(network, dtype))
    network.to_onnx(tmp_path / "without", dtype)
    x = network.domain.uniform(100).astype(dtype)
    assert np.array_equal(run(tmp_path / "with", x), run(tmp_path / "without", x))


def test_embedding_changes_nothing_else(tmp_path):
    network, path = random_network(3), tmp_path / "file"
    first, second = certificate_of(network), certificate_of(network, seed=5)
    network.to_onnx(path)
    for certificate in (first, second):
        embed_certificate(path, certificate)
        network.to_onnx(tmp_path / "at once", certificate=certificate)
        assert path.read_bytes() == (tmp_path / "at once").read_bytes()


def test_embedding_keeps_what_others_wrote(tmp_path):
    network, path = random_network(3), tmp_path / "file"
    model = onnx_model(network)
    model.doc_string = "ours"
    helper.set_model_props(model, {"author": "θ"} | {p.key: p.value for p in model.metadata_props})
    path.write_bytes(model.SerializeToString())
    embed_certificate(path, certificate_of(network))
    embedded = onnx.load(path)
    assert (embedded.doc_string, embedded.metadata_props[0].value) == ("ours", "θ")
    for each in (embedded, model):
        del each.metadata_props[:]
    assert embedded == model


def test_certificates_that_do_not_belong_into_the_file(tmp_path):
    network, path = random_network(4), tmp_path / "file"
    good = certificate_of(network)
    network.to_onnx(path)
    content = path.read_bytes()
    for certificate, said in (
        (certificate_of(random_network(5)), "the certificate is of another network"),
        (certificate_of(network, "float64"), "of a network in float64, and the file is in float32"),
        (replace(good, network_hash=None), "does not know its network_hash"),
        (replace(good, system_hash=None), "does not know its system_hash"),
        (replace(good, bound=np.inf, largest=np.inf), "not finite"),
    ):
        with pytest.raises(ValueError, match=said):
            network.to_onnx(tmp_path / "other", certificate=certificate)
        with pytest.raises(ValueError, match=said):
            embed_certificate(path, certificate)
    with pytest.raises(ValueError, match="of all 3 outputs of the network; a file of only the first 2"):
        network.to_onnx(tmp_path / "other", outputs=2, certificate=good)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]
    network.to_onnx(tmp_path / "other", outputs=3, certificate=good)


def test_no_changed_entry_goes_unnoticed(tmp_path):
    network, path = random_network(6), tmp_path / "file"
    network.to_onnx(path, certificate=certificate_of(network))
    model = onnx.load(path)
    for place, entry in enumerate(model.metadata_props):
        changed = onnx.ModelProto.FromString(model.SerializeToString())
        old = entry.value
        # A digit of the bound, or a character at the end.
        new = old.replace("0.125", "0.124") if entry.key.endswith("certificate") else old[:-1] + "~"
        assert new != old
        changed.metadata_props[place].value = new
        path.write_bytes(changed.SerializeToString())
        with pytest.raises(vf.FileFormatError):
            network_from_onnx(path)
        if entry.key.endswith("certificate"):
            with pytest.raises(vf.FileFormatError, match="does not match its checksum"):
                read_onnx_metadata(path)
        del changed.metadata_props[place]
        path.write_bytes(changed.SerializeToString())
        with pytest.raises(vf.FileFormatError):
            network_from_onnx(path)


def test_wrong_certificates_under_the_right_checksum(tmp_path):
    network, path = random_network(7), tmp_path / "file"
    good = to_json(certificate_of(network))
    for text, said in (
        (to_json(certificate_of(random_network(8))), "its certificate is of another network"),
        (to_json(certificate_of(network, "float64")), "is of a network in float64, not in float32"),
        (good.replace("0.125", "0.124"), "its certificate cannot be read: its content does not match"),
        (good[:-5], "its certificate cannot be read: it is not JSON"),
        ("[" * 100_000, "its certificate cannot be read: it is not JSON"),
        ("", "its certificate cannot be read: it is not JSON"),
        ("{}", "its certificate cannot be read: it lacks entry"),
    ):
        network.to_onnx(path)
        change_metadata(path, certificate=text)
        for read in (network_from_onnx, read_onnx_metadata):
            with pytest.raises(vf.FileFormatError, match=said) as caught:
                read(path)
            assert repr(str(path)) in str(caught.value) and "\n" not in str(caught.value)
    network.to_onnx(path)
    change_metadata(path, certificate=good)
    assert to_json(read_onnx_metadata(path)["certificate"]) == to_json(from_json(good))


@pytest.mark.parametrize(
    "dtype, other", [("float32", "float64"), ("float64", "float32"), ("float32", "int8")]
)
def test_a_file_in_another_precision_than_it_says(dtype, other, tmp_path):
    """A certificate in it would be of another function than runtimes evaluate."""
    network = random_network(9)
    network.to_onnx(tmp_path / "file", dtype)
    change_metadata(tmp_path / "file", dtype=other)
    with pytest.raises(vf.FileFormatError, match=f"its tensors are not in '{other}'"):
        network_from_onnx(tmp_path / "file")
