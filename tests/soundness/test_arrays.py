"""Every door for arrays takes them without loss or refuses them in words; and memory that is shared."""

from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.runtime import Runtime
from vanillaflow.validation import real_array

D = 2
BOX = vf.Box([-1, -1], [1, 1])
RNG = np.random.default_rng(0)


def _flow(kinks, dim=D, parallel=False, affine=True):
    a, w = 0.2 * RNG.normal(size=(kinks, dim)), RNG.normal(size=(kinks, dim))
    if parallel:
        w = np.repeat(w[:1], kinks, axis=0)
        a /= kinks
    given_affine = ([kinks // 2], np.eye(dim)[None] + 0.1, np.ones((1, dim))) if affine else ()
    return vf.PlanarFlow(a, w, np.linspace(-1, 1, kinks), *given_affine, domain=vf.Box([-1] * dim, [1] * dim))


def _sparse_flow():
    a, w = np.zeros((2, 40, 40))
    a[np.arange(40), np.arange(40)] = 0.3
    w[np.arange(40), np.arange(40)] = 1.0
    return vf.PlanarFlow(a, w, np.zeros(40))


# One of each kind of kernel: in registers, with tables in memory and in registers, by blocks, without zeros,
# and without any planar map.
FLOWS = {
    "few": _flow(6),
    "parallel": _flow(80, parallel=True),
    "one table": _flow(6, parallel=True, affine=False),
    "many": _flow(6, dim=30),
    "sparse": _sparse_flow(),
    "none": vf.PlanarFlow.identity(D),
}
FLOW = FLOWS["few"]
NETWORK = FLOW.to_network()
FIELD = vf.RidgeField([[1.0, 0.0]], [[0.0, 1.0]], [0.0], "tanh")
EQUATIONS = vf.from_equations({"x": "y**2", "y": "-x*y"})
SAMPLED = vf.FlowMap.from_samples(BOX.sample(30), BOX.sample(30), BOX)
CHAIN = vf.FlowChain((1.0,), (FLOW,), (FLOW,))
PROPERTY = vf.Property.always(BOX, [[1.0, 0.0]], [1.0])

DOORS = {
    "flow": FLOW,
    "inverse": FLOW.inverse,
    "log_abs_det": FLOW.log_abs_det,
    "jvp, points": lambda x: FLOW.jvp(x, np.zeros((3, D))),
    "jvp, tangents": lambda x: FLOW.jvp(np.zeros((3, D)), x),
    "jacobian": FLOW.jacobian,
    "rollout": lambda x: FLOW.rollout(x, 2),
    "chain": CHAIN,
    "network": NETWORK,
    "samples x": lambda x: vf.FlowMap.from_samples(x, np.zeros((3, D))),
    "samples y": lambda x: vf.FlowMap.from_samples(BOX.sample(3), x),
    "sampled flow": SAMPLED,
    "its trajectory": lambda x: SAMPLED.trajectory(x, [0.0]),
    "ridge field": lambda x: FIELD(0.0, x),
    "equations": lambda x: EQUATIONS(0.0, x),
    "Box.contains": BOX.contains,
    "Box.clip": BOX.clip,
    "PlanarFlow a": lambda x: vf.PlanarFlow(x, np.zeros((3, D)), np.zeros(3)),
    "RidgeField a": lambda x: vf.RidgeField(x, np.zeros((3, D)), np.zeros(3), "tanh"),
    "RidgeField.tanh A": lambda x: vf.RidgeField.tanh(x, np.zeros((D, 3)), np.zeros(D)),
    "network weights": lambda x: vf.FeedforwardNetwork([x], [np.zeros(3)], []),
    "Property y": lambda x: PROPERTY.violated_by(np.zeros((3, D)), x),
}


class _Raises:
    """Something like a data frame that cannot give its numbers."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no numbers here")


LOSSY = {
    "masked": (lambda: np.ma.masked_less(np.ones((3, D)) - np.eye(3, D), 0.5), "masked entries"),
    "a list with something masked": (lambda: [np.ma.masked_equal([1.0, 0.0], 0.0)] * 3, "masked entries"),
    "complex": (lambda: np.ones((3, D), complex), "complex numbers"),
    "complex objects": (lambda: np.full((3, D), 1j, object), "found complex"),
    "text": (lambda: np.full((3, D), "1.5"), "text"),
    "text objects": (lambda: np.full((3, D), "1.5", object), "found str"),
    "bytes": (lambda: np.full((3, D), b"1.5"), "text"),
    "dates": (lambda: np.full((3, D), "2020-01-01", "datetime64[D]"), "dates"),
    "durations": (lambda: np.full((3, D), 3, "timedelta64[s]"), "durations"),
    "missing": (lambda: np.full((3, D), None, object), "found NoneType"),
    "records": (lambda: np.ones(3, [("x", float), ("y", float)]), "real numbers"),
    "large integers": (lambda: np.full((3, D), 2**53 + 1), "cannot hold exactly"),
    "larger integers": (lambda: np.full((3, D), 2**64 - 1, np.uint64), "cannot hold exactly"),
    "integers beyond all": (lambda: np.full((3, D), 10**400, object), "found int"),
    "long doubles": (lambda: np.full((3, D), np.longdouble(1) / 3), "cannot hold exactly"),
    "gradients": (lambda: torch.ones(3, D, requires_grad=True), "requires gradients"),
    "bfloat16": (lambda: torch.ones(3, D, dtype=torch.bfloat16), "real numbers"),
    "a sparse tensor": (lambda: torch.ones(3, D).to_sparse(), "real numbers"),
    "a tensor without memory": (lambda: torch.ones(3, D, device="meta"), "real numbers"),
    "ragged": (lambda: [[1.0, 2.0], [1.0]], "real numbers"),
    "a set": (lambda: {1.0, 2.0}, "real numbers"),
    "what raises": (_Raises, "no numbers here"),
}


@pytest.mark.parametrize("kind", LOSSY)
@pytest.mark.parametrize("door", DOORS)
def test_what_would_lose_something_is_refused(door, kind):
    if kind == "long doubles" and np.finfo(np.longdouble).nmant == np.finfo(np.float64).nmant:
        pytest.skip("this machine has no long doubles")
    make, words = LOSSY[kind]
    with pytest.raises(ValueError, match=words) as caught:
        DOORS[door](make())
    assert "\n" not in str(caught.value)


LOSSLESS = {
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "long doubles": lambda x: x.astype(np.longdouble),
    "the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "integers": lambda x: x.astype(np.int64),
    "truth values": lambda x: x.astype(bool),
    "objects": lambda x: x.astype(object),
    "decimals": lambda x: np.vectorize(lambda v: Decimal(float(v)), otypes=[object])(x),
    "nothing masked": lambda x: np.ma.array(x, mask=np.zeros(x.shape, bool)),
    "Fortran order": np.asfortranarray,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "not aligned": lambda x: np.frombuffer(b"?" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    "read-only": lambda x: np.broadcast_to(x[:1], x.shape),
    "tensor": torch.from_numpy,
    "matrix": np.asmatrix,
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_what_loses_nothing_gives_the_same(kind):
    x = np.tile([[1.0, 0.0]], (5, 1))
    found = real_array("x", LOSSLESS[kind](x))
    assert type(found) is np.ndarray
    assert found.dtype == (np.float32 if kind == "float32" else np.float64)
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(FLOW(found), FLOW(x.astype(found.dtype)))


@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", FLOWS)
def test_out_may_lie_anywhere(name, data):
    flow = FLOWS[name]
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    count = data.draw(st.integers(0, 300))
    memory = np.random.default_rng(0).normal(size=(3 * count + 1, flow.dim)).astype(dtype)
    first = data.draw(st.integers(0, 2 * count))
    step = data.draw(st.sampled_from([1, -1, 2]))
    numbers = memory.ravel()
    begin = data.draw(st.integers(0, numbers.size - count * flow.dim))
    x = memory[first:][:count] if step == 1 else memory[::step][: min(count, len(memory[::step]))]
    out = numbers[begin : begin + x.size].reshape(x.shape)
    for carry in (flow, flow.inverse):
        want = carry(x.copy())
        assert carry(x, out=out) is out
        np.testing.assert_array_equal(out, want)
        memory[:] = np.random.default_rng(1).normal(size=memory.shape)


def test_a_runtime_by_itself_copies_what_overlaps():
    memory = np.random.default_rng(0).normal(size=(2000, D))
    runtime = Runtime.of(tuple(getattr(FLOW, part) for part in ("a", "w", "t", "stops", "M", "m")))
    want = runtime.forward(memory[:1500].copy())
    runtime.forward(memory[:1500], memory[500:])
    np.testing.assert_array_equal(memory[500:], want)


READ_ONLY = np.zeros((3, D))
READ_ONLY.setflags(write=False)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (READ_ONLY, "read-only"),
        (np.zeros((4, D)), r"shape \(3, 2\) and type float64, got \(4, 2\)"),
        (np.zeros((3, D), np.float32), "type float64, got .* float32"),
        (np.zeros((3, D), np.dtype(float).newbyteorder()), "type float64"),
        (np.zeros((D, 3)).T, "contiguous"),
        (np.zeros((6, D))[::2], "contiguous"),
        (np.ma.zeros((3, D)), "got a MaskedArray"),
        ([[0.0] * D] * 3, "got a list"),
        (torch.zeros(3, D), "got a Tensor"),
        (np.frombuffer(bytearray(3 * D * 8 + 1), np.uint8)[1:].view(float).reshape(3, D), "aligned"),
    ],
)
@pytest.mark.parametrize("carry", [FLOW, FLOW.inverse])
def test_what_cannot_be_written_to_is_refused(carry, out, words):
    with pytest.raises(ValueError, match=words):
        carry(np.zeros((3, D)), out=out)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FLOWS)
def test_derivatives_at_nan_are_nan(name, dtype):
    flow = FLOWS[name]
    # In the middle of a block and behind its whole vectors; one coordinate, which no kink may look at.
    x = np.random.default_rng(0).normal(size=(301, flow.dim)).astype(dtype)
    nan = np.array([0, 7, 150, 300])
    want = flow.log_abs_det(x), flow.jvp(x, x)[1], flow.jacobian(x)
    x[nan, -1] = np.nan
    found = flow.log_abs_det(x), flow.jvp(x, np.where(np.isnan(x), 0, x))[1], flow.jacobian(x)
    others = np.delete(np.arange(len(x)), nan)
    for value, before in zip(found, want):
        assert np.isnan(value[nan]).all()
        np.testing.assert_array_equal(value[others], before[others])
    alone = flow.log_abs_det(x[:1])
    assert np.isnan(alone).all()
