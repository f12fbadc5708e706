"""from_onnx: the model's values in float64, through Python and TOML, and models that are no field."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import vanillaflow as vf

RNG = np.random.default_rng(0)
W1, b1 = RNG.normal(size=(2, 8)).astype(np.float32), RNG.normal(size=8).astype(np.float32)
W2 = RNG.normal(size=(8, 2)).astype(np.float32)


def values(x, t=None):
    """The model below in numpy."""
    hidden = np.tanh(x @ W1.astype(float) + b1)
    return hidden @ W2.astype(float) * np.float64(np.float32(0.1)) + (0 if t is None else np.sin(t))


def model(path, timed=False, columns=2, extra=(), outputs=("v",), element=TensorProto.FLOAT, initializers=()):
    nodes = [
        helper.make_node("MatMul", ["x", "W1"], ["h0"]),
        helper.make_node("Add", ["h0", "b1"], ["h1"]),
        helper.make_node("Tanh", ["h1"], ["h2"]),
        helper.make_node("Constant", [], ["c"], value_float=0.1),
        helper.make_node("MatMul", ["h2", "W2"], ["h3"]),
        helper.make_node("Mul", ["h3", "c"], ["v0"]),
    ]
    if timed:
        nodes += [helper.make_node("Sin", ["t"], ["s"]), helper.make_node("Add", ["v0", "s"], ["v"])]
    else:
        nodes.append(helper.make_node("Cast", ["v0"], ["v"], to=TensorProto.FLOAT))
    inputs = [helper.make_tensor_value_info("x", element, ["n", columns])]
    if timed:
        inputs.insert(0, helper.make_tensor_value_info("t", element, []))
    graph = helper.make_graph(
        [*nodes, *extra],
        "field",
        inputs,
        [helper.make_tensor_value_info(name, element, ["n", 2]) for name in outputs],
        [numpy_helper.from_array(a, n) for a, n in ((W1, "W1"), (b1, "b1"), (W2, "W2"))] + list(initializers),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("columns", [2, "d"])
def test_values_are_those_of_the_model_in_double_precision(tmp_path, timed, columns):
    path = model(tmp_path / "field.onnx", timed, columns)
    field = vf.from_onnx(path, dim=None if columns == 2 else 2)
    x = np.random.default_rng(1).normal(size=(50, 2))
    t = 0.7
    np.testing.assert_allclose(field(t, x), values(x, t if timed else None), atol=1e-13)
    feeds = {"x": x.astype(np.float32)} | ({"t": np.array(t, dtype=np.float32)} if timed else {})
    (single,) = onnxruntime.InferenceSession(path).run(None, feeds)
    np.testing.assert_allclose(field(t, x), single, atol=1e-5)
    assert repr(field) == "CallableField(field.onnx, dim=2)"


def test_a_toml_file_gives_the_box_and_the_duration(tmp_path):
    model(tmp_path / "field.onnx")
    text = (
        'name = "model"\nfield = "field.onnx"\n[domain]\na = [-1, 1]\nb = [-2, 2]\n[flow]\nduration = 0.5\n'
    )
    (tmp_path / "file.toml").write_text(text)
    system = vf.load_system(tmp_path / "file.toml")
    assert system.variables == ("a", "b") and system.domain == vf.Box([-1, -2], [1, 2])
    assert system.equations == ("(a, b)' = field.onnx",)
    x = system.domain.sample(30)
    same = vf.FlowMap(vf.from_callable(lambda x: values(x), 2), 0.5, system.domain)
    np.testing.assert_allclose(system.target()(x), same(x), atol=1e-9)
    for old, new, reason in (
        ('"field.onnx"', '"absent.onnx"', "cannot be read"),
        ('"field.onnx"', "3", "must be the name of an ONNX file"),
        ("[domain]", '[equations]\na = "b"\n[domain]', "unknown key 'equations'"),
        ("b = [-2, 2]", "", "its input has 2 columns, not 1"),
    ):
        (tmp_path / "file.toml").write_text(text.replace(old, new))
        with pytest.raises(vf.FieldError, match=reason):
            vf.load_system(tmp_path / "file.toml")


def branch():
    out = helper.make_tensor_value_info("o", TensorProto.FLOAT, ["n", 2])
    body = helper.make_graph([helper.make_node("Identity", ["v"], ["o"])], "body", [], [out])
    return helper.make_node("If", ["condition"], ["r"], then_branch=body, else_branch=body)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": "d"}, "does not say how many columns"),
        ({"columns": 3}, "fails for points of shape"),
        ({"outputs": ("v", "h2")}, "2 outputs"),
        ({"extra": (helper.make_node("RandomNormalLike", ["v"], ["r"]),), "outputs": ("r",)}, "again|random"),
        ({"extra": (helper.make_node("Custom", ["v"], ["r"], domain="mine"),)}, "mine"),
        (
            {"extra": (branch(),), "initializers": (numpy_helper.from_array(np.array(True), "condition"),)},
            r"the operator ONNX\.If is not supported",
        ),
        ({"extra": (helper.make_node("ReduceSum", ["v"], ["r"]),), "outputs": ("r",)}, "keeps the shape"),
    ],
)
def test_models_that_are_no_field(tmp_path, change, reason):
    with pytest.raises(vf.FieldError, match=reason) as error:
        vf.from_onnx(model(tmp_path / "field.onnx", **change))
    assert str(error.value).startswith(str(tmp_path / "field.onnx"))


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256))])
def test_files_that_are_no_model(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(vf.FieldError, match=r"a\.onnx"):
        vf.from_onnx(tmp_path / "a.onnx")
    with pytest.raises(vf.FieldError, match="cannot be read"):
        vf.from_onnx(tmp_path)


def test_tensors_elsewhere_are_refused(tmp_path):
    path = model(tmp_path / "field.onnx")
    read = onnx.load(path)
    read.graph.initializer[0].data_location = TensorProto.EXTERNAL
    entry = read.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    path.write_bytes(read.SerializeToString())
    with pytest.raises(vf.FieldError, match="keeps tensors in other files"):
        vf.from_onnx(path)
