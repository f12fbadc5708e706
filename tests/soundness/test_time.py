"""The exact flow sees what a field does in time, however short: the law of pushes.

x' = push(t) in one coordinate, and nothing else: the flow is a shift by the integral of the push, known in
closed form. An adaptive solver rests before the push and steps over it, unless it is told.
"""

import numba
import numpy as np
import pytest
import torch
from torch import nn

import vanillaflow as vf

SHAPES = ("rectangle", "triangle", "bell", "step")


def push(shape: str, t: float, center: float, width: float) -> float:
    u = (t - center) / width
    if shape == "rectangle":
        return float(abs(u) <= 0.5)
    if shape == "triangle":
        return max(0.0, 1 - 2 * abs(u))
    if shape == "bell":
        return float(np.exp(-((2 * u) ** 2)))
    return float(u > 0)


def integral(shape: str, duration: float, center: float, width: float) -> float:
    if shape == "step":
        return duration - center
    return width * {"rectangle": 1.0, "triangle": 0.5, "bell": 0.5 * np.sqrt(np.pi)}[shape]


class Pushed(nn.Module):
    """Rests but for a rectangle. With `branching` an if asks the time, as cannot be done for many at once."""

    def __init__(self, dim: int, height: float, center: float, width: float, branching: bool):
        super().__init__()
        self.dim, self.height, self.center, self.width = dim, height, center, width
        self.branching = branching

    def forward(self, t, x):
        if self.branching:
            on = 1.0 if abs(float(t) - self.center) <= self.width / 2 else 0.0
        else:
            on = ((t - self.center).abs() <= self.width / 2).to(x.dtype)
        return torch.zeros_like(x) + self.height * on


def callable_field(shape, dim, height, center, width):
    return vf.from_callable(lambda t, x: np.full_like(x, height * push(shape, t, center, width)), dim)


def module_field(branching):
    def field(shape, dim, height, center, width):
        return vf.from_torch(Pushed(dim, height, center, width, branching), dim=dim)

    return field


def equation_field(shape, dim, height, center, width):
    texts = {
        "bell": f"{height!r}*exp(-(2*(t - {center!r})/{width!r})**2)",
        "triangle": f"{height!r}*relu(1 - 2*abs(t - {center!r})/{width!r})",
    }
    return vf.from_equations({f"x{i}": texts[shape] for i in range(dim)})


def piecewise_field(shape, dim, height, center, width):
    parameter = {"times": [center - width / 2, center + width / 2], "values": [0.0, height, 0.0]}
    return vf.from_equations({f"x{i}": "u" for i in range(dim)}, parameters={"u": parameter})


DOORS = [
    *((callable_field, shape) for shape in SHAPES),
    (module_field(False), "rectangle"),
    (module_field(True), "rectangle"),
    (equation_field, "bell"),
    (equation_field, "triangle"),
    (piecewise_field, "rectangle"),
]


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize(("door", "shape"), DOORS)
def test_pushes_move_by_their_integral_in_batches_of_every_size(door, shape, case):
    rng = np.random.default_rng([case, SHAPES.index(shape)])
    dim = case + 1
    duration = 10 ** rng.uniform(-2, 3)
    width = duration * 10 ** rng.uniform(-4, -1)
    # At least 2.5 widths from the ends, where a bell has lost erfc(5) = 2e-12 of its integral.
    center = duration * rng.uniform(0.25, 0.75)
    height = 10 ** rng.uniform(-1, 1) / width
    box = vf.Box(-np.ones(dim), np.ones(dim))
    target = vf.FlowMap(door(shape, dim, height, center, width), duration, box)
    x = box.sample(6)
    moved = height * integral(shape, duration, center, width)
    # The solver's tolerance is 1e-10 for a step; a hundred of them, as where two solves are compared.
    allowed = 1e-8 * (1 + moved)
    y = target(x)
    np.testing.assert_allclose(y, x + moved, rtol=0, atol=allowed)
    np.testing.assert_allclose(target(x[:1]), y[:1], rtol=0, atol=allowed)
    target.require_resolved(x)


def test_several_pushes_and_corners_are_each_met():
    centers = np.array([0.11, 0.1103, 0.5, 0.77])
    target = vf.FlowMap(
        lambda t, x: np.full_like(x, sum(push("rectangle", t, c, 1.5e-4) for c in centers) + abs(t - 0.3)),
        1.0,
        vf.Box([0.0], [1.0]),
    )
    moved = 4 * 1.5e-4 + 0.5 * (0.3**2 + 0.7**2)
    np.testing.assert_allclose(target(np.zeros((3, 1))), moved, rtol=0, atol=1e-8)
    ends = np.sort(np.concatenate([centers - 0.75e-4, centers + 0.75e-4]))
    np.testing.assert_allclose(target.mesh.jumps, ends, rtol=1e-12)


def test_a_push_that_waits_for_the_state_outside_the_box():
    # Nothing depends on time before x > 3, which no point of the box is; all have got there at time 5.
    def field(t, x):
        return 1 + push("rectangle", t, 8.0, 2e-3) * 1e3 * (x > 3)

    target = vf.FlowMap(field, 10.0, vf.Box([0.0], [1.0]))
    x = target.domain.sample(4)
    np.testing.assert_allclose(target(x), x + 12, rtol=0, atol=1e-7)


def test_a_push_shorter_than_the_search_needs_its_times():
    center, width = 0.4321, 1e-6

    def field(t, x):
        return np.full_like(x, push("rectangle", t, center, width) / width)

    box = vf.Box([0.0], [1.0])
    given = vf.FlowMap(field, 1.0, box, jumps=[center - width / 2, center + width / 2])
    np.testing.assert_allclose(given(np.zeros((1, 1))), 1.0, atol=1e-8)
    limited = vf.FlowMap(vf.from_callable(field, 1, max_step=width / 2), 1e-3, box)
    assert limited.mesh.longest_step(0.0) == width / 2
    with pytest.raises(ValueError, match="jumps must be finite"):
        vf.FlowMap(field, 1.0, box, jumps=[np.nan])
    with pytest.raises(ValueError, match="max_step must be positive"):
        vf.FlowMap(field, 1.0, box, max_step=0.0)


def test_a_field_that_is_faster_than_the_search_everywhere_is_refused_with_the_time():
    target = vf.FlowMap(lambda t, x: np.full_like(x, np.sin(1e6 * t)), 1.0, vf.Box([0.0], [1.0]))
    with pytest.raises(vf.FlowNotResolved, match="changes too fast in time") as caught:
        target(np.zeros((1, 1)))
    assert 0 <= caught.value.time <= 1e-3


def test_what_a_state_runs_into_is_seen_by_the_second_solve():
    # Everywhere but near x = 0.5 the velocity is 1: the solver's steps pass a wall a thousandth wide.
    def wall(x):
        return 1 - 0.999 * np.exp(-(((x - 0.5) / 5e-4) ** 2))

    target = vf.FlowMap(wall, 1.0, vf.Box([0.0], [0.1]))
    shift = vf.PlanarFlow([[0.0]], [[1.0]], [0.0], stops=[0, 1], M=[[[1.0]], [[1.0]]], m=[[1.0], [0.0]])
    with pytest.raises(vf.FlowNotResolved, match=r"between the times 0\.\d+ and \d.*second solve") as caught:
        vf.certify(shift, target)
    assert 0.1 < caught.value.time < 0.5
    with pytest.raises(vf.FlowNotResolved):
        vf.compile(target, tol=1e-3)


def test_the_certificate_says_that_the_solver_was_checked():
    target = vf.zoo.pendulum().target()
    network = vf.PlanarFlow.identity(2, target.domain)
    assert (
        "checked by a second solve with steps of at most 1/251"
        in vf.certify(network, target, points=64).basis
    )


def test_one_state_functions_are_called_row_by_row_or_refused():
    def one_state(y):
        return np.array([1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 3 * y[1]])

    def many(y):
        return np.stack([1.5 * y[:, 0] - y[:, 0] * y[:, 1], y[:, 0] * y[:, 1] - 3 * y[:, 1]], axis=1)

    box = vf.Box([0.5, 0.5], [1, 1])
    x = box.sample(2)
    with pytest.warns(UserWarning, match=r"one state of shape \(2,\).*let it take points"):
        slow = vf.FlowMap(one_state, 0.5, box)
    np.testing.assert_allclose(slow(x), vf.FlowMap(many, 0.5, box)(x), rtol=1e-9)
    with pytest.raises(
        vf.FieldError, match=r"rows must not mix; if it takes one state y of shape \(2,\), write"
    ):
        vf.FlowMap(lambda t, y: -y * y[0], 0.5, box)


@pytest.mark.parametrize("dim", [1, 2, 3, 12])
def test_one_state_functions_are_recognized_whatever_the_dimension(dim):
    matrix = np.random.default_rng(dim).normal(size=(dim, dim))
    box = vf.Box(-np.ones(dim), np.ones(dim))
    x = box.sample(dim)
    if dim == 1:
        np.testing.assert_allclose(
            vf.FlowMap(lambda t, y: y @ matrix.T, 0.1, box)(x), x * np.exp(0.1 * matrix[0, 0]), rtol=1e-9
        )
        return
    with pytest.warns(UserWarning, match="one point after another"):
        target = vf.FlowMap(lambda y: matrix @ y, 0.1, box)
    np.testing.assert_allclose(target(x), vf.FlowMap(lambda t, y: y @ matrix.T, 0.1, box)(x), rtol=1e-8)


def test_compiled_functions_of_one_state_are_never_given_other_arrays():
    @numba.njit
    def one_state(t, y):  # Reads and writes beyond the ends of an array of another shape.
        v = np.empty_like(y)
        for i in range(5):
            v[i] = -(i + 1) * y[i]
        return v

    @numba.njit
    def many(t, y):
        v = np.empty_like(y)
        for i in range(5):
            v[:, i] = -(i + 1) * y[:, i]
        return v

    box = vf.Box(np.zeros(5), np.ones(5))
    x = box.sample(3)
    with pytest.warns(UserWarning, match="one point after another"):
        by_rows = vf.FlowMap(one_state, 0.1, box, max_step=0.1)
    for target in (by_rows, vf.FlowMap(many, 0.1, box, max_step=0.1)):
        np.testing.assert_allclose(target(x), x * np.exp(-0.1 * np.arange(1, 6)), rtol=1e-9)


@pytest.mark.parametrize("function", [lambda y, t: -y + t, lambda x, t=0.0: -x + t, lambda x, time: -x])
def test_the_time_comes_first(function):
    with pytest.raises(vf.FieldError, match=r"takes the time first.*pass lambda t, x: f\(x, t"):
        vf.FlowMap(function, 1.0, vf.Box([0.0], [1.0]))


def test_a_field_that_remembers_its_calls_is_refused():
    class Relay:
        on = True

        def __call__(self, t, x):
            self.on = self.on and t <= 0.5
            return np.full_like(x, float(self.on))

    with pytest.raises(vf.FieldError, match="does not remember its calls"):
        vf.FlowMap(Relay(), 1.0, vf.Box([0.0], [1.0]))(np.zeros((1, 1)))


@pytest.mark.parametrize("width", [2e-4, 1e-2])
def test_pushes_of_a_part_of_the_box_and_beside_absurd_values_are_met(width):
    def of_a_part(t, x):
        return 0 * x + push("rectangle", t, 0.6, width) / width * np.maximum(0, x - 0.95)

    target = vf.FlowMap(of_a_part, 1.0, vf.Box([0.0], [1.0]))
    np.testing.assert_allclose(target(np.array([[1.0]])), 0.95 + 0.05 * np.e, atol=1e-8)

    def absurd_elsewhere(t, x):
        large = np.exp(40 * np.minimum(x[:, 0] - 8 * t - 1.5, 20))  # Of order 1 on trajectories.
        pushed = push("rectangle", t, 0.4, width) / width
        return np.stack([5 + 0 * large, pushed + 1e-12 * large], axis=1)

    target = vf.FlowMap(absurd_elsewhere, 1.0, vf.Box([0.0, 0.0], [1.0, 1.0]))
    np.testing.assert_allclose(target(np.array([[0.5, 0.5]])), [[5.5, 1.5]], atol=1e-7)


def test_a_field_that_raises_says_when():
    def field(t, x):
        if t > 0.25:
            raise ZeroDivisionError("division by zero")
        return -x

    with pytest.raises(vf.FieldError, match=r"fails at time 0\.\d+: ZeroDivisionError: division by zero"):
        vf.FlowMap(field, 1.0, vf.Box([0.0], [1.0]))(np.zeros((1, 1)))
