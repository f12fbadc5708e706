"""Inputs: coordinates that the flow leaves as they are, through every door and every method."""

import numpy as np
import onnxruntime
import pytest

import vanillaflow as vf

FAMILY = """
name = "controlled pendulum"
[inputs]
torque = [-1, 1]
[parameters]
damping = [0, 0.5]
gravity = 1.5
[equations]
"theta''" = "-gravity*sin(theta) - damping*theta' + torque"
[domain]
theta = [-1, 1]
"theta'" = [-1, 1]
[flow]
duration = 0.5
"""


@pytest.fixture
def family(tmp_path):
    path = tmp_path / "family.toml"
    path.write_text(FAMILY)
    return vf.load_system(path)


def member(torque, damping):
    """The system of one choice of inputs."""
    text = f"-1.5*sin(theta) - {damping}*theta' + {torque}"
    return vf.FlowMap(vf.from_equations({"theta''": text}), 0.5, vf.Box([-1, -1], [1, 1]))


def test_the_file_puts_inputs_and_ranged_parameters_after_the_variables(family):
    assert family.variables == ("theta", "theta'", "torque", "damping")
    assert family.inputs == ("torque", "damping")
    assert family.equations == ("theta'' = -gravity*sin(theta) - damping*theta' + torque",)
    assert family.domain == vf.Box([-1, -1, -1, 0], [1, 1, 1, 0.5])
    assert isinstance(family.field, vf.RidgeField)
    assert family.field.held == family.target().held == 2


def test_the_flow_of_the_family_is_that_of_its_members(family):
    target, x = family.target(), vf.Box([-1, -1], [1, 1]).sample(50, seed=1)
    for torque, damping in ((0.0, 0.0), (-1.0, 0.5), (0.3, 0.1)):
        given = np.concatenate([x, np.tile([torque, damping], (50, 1))], axis=1)
        y = target(given)
        np.testing.assert_array_equal(y[:, 2:], given[:, 2:])
        np.testing.assert_allclose(y[:, :2], member(torque, damping)(x), atol=1e-8)


def driven():
    """One state and one input, and a flow that no method gets for nothing."""
    field = vf.from_equations({"x": "u - sin(2*x)*(1 + u*x)"}, inputs=["u"])
    return vf.FlowMap(field, 1.0, vf.Box([-1, -1], [1, 1]))


@pytest.mark.parametrize("method", ["refine", "split"])
def test_compiled_flows_leave_inputs_exactly_as_they_are(family, method):
    target, held, tol = (family.target(), 2, 0.15) if method == "split" else (driven(), 1, 0.1)
    flow = vf.compile(target, tol, method)
    x = target.domain.sample(300, seed=2)
    np.testing.assert_array_equal(flow.a[:, -held:], 0)
    np.testing.assert_allclose(flow(x)[:, -held:], x[:, -held:], rtol=0, atol=1e-14)
    assert np.abs(flow(x) - target(x)).max() <= tol
    assert flow.to_network().width == target.dim


def test_exports_may_give_the_state_alone(family, tmp_path):
    target = family.target()
    network, x = vf.compile(target, 0.2, "split").to_network(), target.domain.sample(300, seed=2)
    network.to_onnx(tmp_path / "state.onnx", "float64", outputs=2)
    session = onnxruntime.InferenceSession(tmp_path / "state.onnx")
    (y,) = session.run(None, {"x": x})
    assert y.shape == (300, 2)
    np.testing.assert_allclose(y, network(x)[:, :2], atol=1e-12)
    module = network.to_torch("float64", outputs=2)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), y, atol=1e-12)
    with pytest.raises(vf.FileFormatError, match="only 2 of the 4 outputs"):
        from vanillaflow.export.onnx import network_from_onnx

        network_from_onnx(tmp_path / "state.onnx")


@pytest.mark.parametrize("outputs", [0, 5, True, 1.0])
def test_wrong_numbers_of_outputs_are_refused(outputs, tmp_path):
    network = vf.PlanarFlow.identity(4, vf.Box(-np.ones(4), np.ones(4))).to_network()
    for export in (network.to_torch, lambda **given: network.to_onnx(tmp_path / "a.onnx", **given)):
        with pytest.raises(ValueError, match="outputs must be a whole number from 1 to 4"):
            export(outputs=outputs)
    assert not list(tmp_path.iterdir())


def test_a_callable_gets_its_inputs_apart(family):
    field = vf.from_callable(
        lambda x, u: np.stack([x[:, 1], -1.5 * np.sin(x[:, 0]) - u[:, 1] * x[:, 1] + u[:, 0]], axis=1),
        dim=2,
        inputs=2,
    )
    x = family.domain.sample(100)
    assert (field.dim, field.held) == (4, 2)
    np.testing.assert_allclose(field(0.0, x), family.field(0.0, x), atol=1e-14)
    timed = vf.from_callable(lambda t, x, u: t * u * x, dim=1, inputs=1)
    np.testing.assert_array_equal(timed(2.0, np.array([[3.0, 5.0]])), [[30.0, 0.0]])


@pytest.mark.parametrize(
    ("function", "inputs", "reason"),
    [
        (lambda t, x, u, v: x, 1, r"takes \(t, x, u\) or \(x, u\); this function takes 4"),
        (lambda x: x, 1, "takes 1 arguments"),
        (lambda x, u: u, 2, r"maps states of shape \(12, 1\) to \(12, 2\)"),
        (lambda x: x, -1, "inputs must be a number of inputs"),
        (lambda x: x, True, "inputs must be a number of inputs"),
    ],
)
def test_callables_that_do_not_fit_their_inputs(function, inputs, reason):
    with pytest.raises(vf.FieldError, match=reason):
        vf.from_callable(function, 1, inputs)


def test_held_coordinates_are_the_last_that_no_field_moves():
    still = vf.from_equations({"x": "0", "y": "x"}, inputs=["u"])
    assert still.held == 1
    assert vf.from_equations({"x": "0", "y": "0"}).held == 0
    assert vf.from_equations({"x": "y*sin(x)", "y": "0"}).held == 1
    switched = vf.from_equations({"x": "u*x"}, {"u": {"times": [1], "values": [0, 1]}}, inputs=["k"])
    assert switched.held == 0 or switched.fields[1].held == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("torque = [-1, 1]", "torque = 1", "[inputs] torque must be [low, high]"),
        ("torque = [-1, 1]", "torque = [1, 1]", "[inputs] torque: low 1 must be below high 1"),
        ("damping = [0, 0.5]", "torque = [0, 0.5]", "'torque' is both an input and a parameter"),
        ("torque = [-1, 1]", "theta = [-1, 1]", "the name of the input 'theta' is taken"),
        ('"theta\'" = [-1, 1]', "", '[domain] lacks the key "theta\'"'),
    ],
)
def test_files_that_do_not_fit(tmp_path, old, new, message):
    path = tmp_path / "file.toml"
    path.write_text(FAMILY.replace(old, new))
    with pytest.raises(vf.FieldError) as error:
        vf.load_system(path)
    assert message in str(error.value)
