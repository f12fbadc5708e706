"""Tensors in other files are read from the folder of the ONNX file, and from nowhere else."""

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import vanillaflow as vf
from vanillaflow.export.onnx import embed_certificate, network_from_onnx, read_onnx_metadata
from vanillaflow.files import onnx_models as onnx_file

W = np.arange(1, 5, dtype="f4").reshape(2, 2)
POINTS = np.array([[1.0, -2.0], [0.5, 3.0]])
ENTRIES = {"location": "w.data", "offset": "8", "length": "16"}


def external(shape, entries):
    tensor = TensorProto(
        name="W", data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL
    )
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def field(path, nodes, tensors=(), sparse=()):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xv"]
    graph = helper.make_graph(
        nodes, "f", [ends[0]], [ends[1]], list(tensors), sparse_initializer=list(sparse)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def node(kind, inputs, output, **attributes):
    made = helper.make_node(kind, inputs, [output])
    for name, tensor in attributes.items():
        made.attribute.append(AttributeProto(name=name, type=AttributeProto.TENSOR, t=tensor))
    return made


def initializer(path, entries):
    return field(path, [node("MatMul", ["x", "W"], "v")], [external([2, 2], entries)])


def constant(path, entries):
    made = node("Constant", [], "W", value=external([2, 2], entries))
    return field(path, [made, node("MatMul", ["x", "W"], "v")])


def constant_of_shape(path, entries):
    """It takes one number, the first of the file's; all entries of the matrix are that."""
    entries = {**entries, "length": "4"} if entries.get("length") == "16" else entries
    made = node("ConstantOfShape", ["s"], "W", value=external([1], entries))
    shape = numpy_helper.from_array(np.array([2, 2]), "s")
    return field(path, [made, node("MatMul", ["x", "W"], "v")], [shape])


def in_a_branch(path, entries):
    """Where fields are refused for another reason, its tensors are not read from elsewhere either."""
    out = helper.make_tensor_value_info("W", TensorProto.FLOAT, [2, 2])
    inner = helper.make_graph([node("Constant", [], "W", value=external([2, 2], entries))], "b", [], [out])
    both = helper.make_node("If", ["c"], ["W"], then_branch=inner, else_branch=inner)
    return field(
        path, [both, node("MatMul", ["x", "W"], "v")], [numpy_helper.from_array(np.array(True), "c")]
    )


def in_a_function(path, entries):
    field(path, [helper.make_node("F", ["x"], ["v"], domain="mine")])
    model = onnx.load(path)
    inner = [node("Constant", [], "W", value=external([2, 2], entries)), node("MatMul", ["x", "W"], "v")]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "F", ["x"], ["v"], inner, opsets))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    path.write_bytes(model.SerializeToString())
    return path


READ = [initializer, constant, constant_of_shape]
ALL = [*READ, in_a_branch, in_a_function]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the model; the current directory is another, with a file of the same name."""
    for name in ("model", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "w.data").write_bytes(bytes(8) + W.tobytes() + bytes(4))
    (tmp_path / "here" / "w.data").write_bytes(bytes(8) + (W + 90).tobytes() + bytes(4))
    (tmp_path / "here" / "secret").write_bytes(bytes(100))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "model"


@pytest.mark.parametrize("build", READ)
def test_tensors_beside_the_model_are_read(build, folder):
    matrix = np.full((2, 2), W[0, 0]) if build is constant_of_shape else W
    for path in (folder / "m.onnx", Path("../model/m.onnx")):
        for entries in (ENTRIES, ENTRIES | {"location": "./w.data"}):
            values = vf.from_onnx(build(path, entries))(0.0, POINTS)
            np.testing.assert_array_equal(values, POINTS @ matrix.astype(float))
    (folder / "inner").mkdir()
    (folder / "inner" / "a link").symlink_to("../w.data")  # That stays within the folder.
    np.testing.assert_array_equal(
        vf.from_onnx(build(folder / "m.onnx", ENTRIES | {"location": "inner/a link"}))(0.0, POINTS),
        POINTS @ matrix.astype(float),
    )


def outside(folder):
    """Locations that lead out of the folder, or nowhere."""
    (folder / "link").symlink_to("../here/secret")
    (folder / "linked folder").symlink_to("../here")
    (folder / "loop").symlink_to("loop")
    (folder / "directory").mkdir()
    os.mkfifo(folder / "pipe")
    absolute = [str(folder / "w.data"), "/etc/passwd", "/dev/zero", "C:\\w.data", "\\\\host\\w.data"]
    above = ["../here/secret", "../model/w.data", "directory/../w.data", "directory\\..\\w.data", ".."]
    links = ["link", "linked folder/secret", "linked folder/w.data", "loop"]
    return [*absolute, *above, *links, "directory", ".", "", "pipe", "absent", "secret", "a\0b", "w" * 5000]


@pytest.mark.parametrize("build", ALL)
def test_nothing_is_read_from_elsewhere(build, folder):
    for location in outside(folder):
        for entries in (ENTRIES | {"location": location}, {"location": location}):
            with pytest.raises(vf.FieldError) as refusal:
                vf.from_onnx(build(folder / "m.onnx", entries))
            said = str(refusal.value)
            assert said.startswith(str(folder / "m.onnx")) and "\n" not in said
            assert "other files" in said or "no such file" in said or "no name" in said


@pytest.mark.parametrize("build", [build for build in ALL if build is not constant_of_shape])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"offset": "100"}, "is said to be 16 bytes from byte 100 of 'w.data', which has 28"),
        ({"offset": "-1"}, "has the offset '-1'"),
        ({"offset": "9" * 5000}, "has the offset"),
        ({"offset": "²"}, "has the offset"),
        ({"length": "21"}, "is said to be 21 bytes"),
        ({"length": "99999999999999999"}, "is said to be 99999999999999999 bytes"),
        ({"length": "-16"}, "has the length '-16'"),
        ({"length": "0x10"}, "has the length '0x10'"),
        ({"length": "15"}, "has other numbers than its shape"),
        ({"length": ""}, "has the length ''"),
        ({"checksum": "0" * 40}, "another checksum"),
    ],
)
def test_places_that_are_not_there(build, folder, changes, said):
    with pytest.raises(vf.FieldError, match=said) as refusal:
        vf.from_onnx(build(folder / "m.onnx", ENTRIES | changes))
    assert "\n" not in str(refusal.value)


def test_the_checksum_of_the_standard(folder):
    recorded = hashlib.sha1((folder / "w.data").read_bytes()).hexdigest()
    vf.from_onnx(initializer(folder / "m.onnx", ENTRIES | {"checksum": recorded}))


def test_a_limit_on_all_of_them_together(folder, monkeypatch):
    with open(folder / "w.data", "r+b") as file:
        file.truncate(2**40)
    with pytest.raises(vf.FieldError, match="too many"):
        vf.from_onnx(initializer(folder / "m.onnx", {"location": "w.data"}))
    path = initializer(folder / "m.onnx", ENTRIES)
    size = path.stat().st_size
    assert onnx_file.read_model(path, size + 16).graph.initializer[0].raw_data == W.tobytes()
    for most in (size, size + 15):
        with pytest.raises(vf.FileFormatError, match="has 16 bytes; with those before it that is too many"):
            onnx_file.read_model(path, most)


def test_sparse_tensors_are_refused(folder):
    numbers = numpy_helper.from_array(np.ones(1, "f4"), "W")
    sparse = helper.make_sparse_tensor(numbers, numpy_helper.from_array(np.array([0])), [2, 2])
    product = node("MatMul", ["x", "W"], "v")
    field(folder / "a.onnx", [product], sparse=[sparse])
    made = helper.make_node("Constant", [], ["W"], sparse_value=sparse)
    field(folder / "b.onnx", [made, product])
    elsewhere = helper.make_sparse_tensor(
        external([1], ENTRIES), numpy_helper.from_array(np.array([0])), [2, 2]
    )
    field(folder / "c.onnx", [product], sparse=[elsewhere])
    for name in "abc":
        with pytest.raises(vf.FieldError, match="it has a sparse tensor"):
            vf.from_onnx(folder / f"{name}.onnx")


def test_values_too_large_to_be_made(folder):
    big = numpy_helper.from_array(np.array([10**5, 10**5]), "s")
    made = helper.make_node("ConstantOfShape", ["s"], ["B"])
    nodes = [made, helper.make_node("ReduceSum", ["B"], ["r"], keepdims=0), node("Add", ["x", "r"], "v")]
    with pytest.raises(vf.FieldError, match="'B' has 10000000000 numbers for a single point"):
        vf.from_onnx(field(folder / "m.onnx", nodes, [big]))


# Networks of ours, whose tensors another tool has moved out.


@pytest.fixture
def moved(folder):
    flow = vf.PlanarFlow([[0.5, 0.1]], [[1.0, 0.0]], [0.0], domain=vf.Box([-1, -1], [1, 1]))
    network = flow.to_network()
    network.to_onnx(folder / "inside.onnx", "float64")
    model = onnx.load(folder / "inside.onnx")
    onnx.save(model, folder / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    return folder / "net.onnx"


def test_a_network_with_its_tensors_beside_it(moved):
    inside = network_from_onnx(moved.with_name("inside.onnx"))
    network = network_from_onnx(moved)
    assert all(np.array_equal(a, b) for a, b in zip(network.weights, inside.weights))
    assert read_onnx_metadata(moved)["dtype"] == "float64"
    target = vf.FlowMap(vf.from_equations({"x": "-x", "y": "-y"}), 0.1, vf.Box([-1, -1], [1, 1]))
    certificate = vf.certify(network, target, points=64)
    embed_certificate(moved, certificate)  # All are inside then.
    moved.with_name("net.data").unlink()
    assert read_onnx_metadata(moved)["certificate"].bound == certificate.bound


def test_its_checksum_counts_the_tensors_beside_it(moved):
    content = bytearray(moved.with_name("net.data").read_bytes())
    content[3] ^= 1
    moved.with_name("net.data").write_bytes(content)
    with pytest.raises(vf.FileFormatError, match="does not match its checksum"):
        network_from_onnx(moved)


def test_a_network_reads_nothing_from_elsewhere(moved):
    content = moved.with_name("net.data").read_bytes()
    Path("net.data").write_bytes(content)
    moved.with_name("net.data").unlink()
    moved.with_name("link.data").symlink_to("../here/net.data")
    for location in ("net.data", "../here/net.data", str(Path("net.data").absolute()), "link.data"):
        model = onnx.load(moved, load_external_data=False)
        for tensor in model.graph.initializer:
            tensor.external_data[0].value = location
        moved.write_bytes(model.SerializeToString())
        for read in (network_from_onnx, read_onnx_metadata, vf.from_onnx):
            with pytest.raises(vf.VanillaflowError, match=r"other files|no such file"):
                read(moved)
