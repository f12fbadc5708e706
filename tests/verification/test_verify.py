"""Verdicts are about the flow of the ODE: none of them is ever contradicted by it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.enclosures.images import enclosure_of
from vanillaflow.verification import branch_and_bound
from vanillaflow.verification.branch_and_bound import explore, slack


@pytest.fixture(scope="module")
def proved():
    """A flow, its target, and the proof of its error."""
    target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]), name="a pendulum")
    flow = vf.compile(target, 2e-2)
    return flow, target, vf.certify(flow, target, "rigorous", factor=1.5)


def half_space(target, box, row, excess):
    """row . y stays below what it reaches on the box, and `excess` more."""
    top = (target(np.concatenate([box.sample(4096), box.corners()])) @ row).max()
    return vf.Property.always(box, [row], [top + excess], "a half-space")


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 0.8), min_size=2, max_size=2),
    st.floats(0.02, 0.2),
    st.floats(0, 2 * np.pi),
    st.floats(-0.15, 0.15),
)
def test_verdicts_agree_with_the_flow(proved, corner, part, angle, excess):
    flow, target, certificate = proved
    low = target.domain.low + np.array(corner) * target.domain.width
    box = vf.Box(low, low + part * target.domain.width)
    row = np.array([np.cos(angle), np.sin(angle)])
    prop = half_space(target, box, row, excess)
    verdict = vf.verify(flow, target, prop, certificate)
    # The network's error in that direction decides where it cannot tell.
    margin = np.abs(row) @ certificate.per_output
    if excess > 2 * margin + 1e-3:
        assert verdict.status == "holds"
    if excess < -1e-6:
        assert verdict.status == "violated"
    if verdict.status == "holds":
        assert excess > 0 and verdict.point is None
    else:
        assert box.contains(verdict.point[None])[0]
        np.testing.assert_allclose(verdict.image, target(verdict.point[None])[0], atol=1e-6)
    if verdict.status == "violated":
        x, y = verdict.point[None], target(verdict.point[None])
        assert slack(prop.unsafe[0], y)[0] <= 1e-9 and box.contains(x)[0]
    assert np.all(verdict.margin == certificate.per_output)


def test_all_three_verdicts_say_what_they_are(proved):
    flow, target, certificate = proved
    box = vf.Box([0.5, -0.5], [1.0, 0.0])
    said = {}
    for excess in (0.2, -0.2, 0.5 * certificate.per_output[0]):
        verdict = vf.verify(flow, target, half_space(target, box, [1.0, 0.0], excess), certificate)
        said[verdict.status] = str(verdict)
        assert verdict.seconds >= 0 and verdict.property_name == "a half-space"
    assert set(said) == {"holds", "violated", "unknown"}
    assert "proved on" in said["holds"] and "the flow goes from (" in said["violated"]
    assert "smaller tolerance" in said["unknown"]


def test_several_sets_with_boxes_of_their_own(proved):
    flow, target, certificate = proved
    first, second = vf.Box([-1, -1], [-0.5, -0.5]), vf.Box([0.5, 0.5], [1.0, 1.0])
    far, near = ([[-1.0, 0.0]], [-9.0]), ([[-1.0, 0.0], [0.0, 1.0]], [-0.2, 9.0])
    assert vf.verify(flow, target, vf.Property([vf.UnsafeSet(first, *far)]), certificate).status == "holds"
    # x >= 0.2 is reached from the second box only.
    safe = vf.Property([vf.UnsafeSet(first, *near), vf.UnsafeSet(second, *far)])
    assert vf.verify(flow, target, safe, certificate).status == "holds"
    unsafe = vf.Property([vf.UnsafeSet(first, *near), vf.UnsafeSet(second, *near)])
    verdict = vf.verify(flow, target, unsafe, certificate)
    assert verdict.status == "violated" and second.contains(verdict.point[None])[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_in_the_precision_of_their_files(proved, dtype):
    flow, target, _ = proved
    network = flow.to_network()
    certificate = vf.certify(network, target, "rigorous", dtype=dtype, factor=1.5)
    box = vf.Box([0.5, -0.5], [1.0, 0.0])
    for excess, status in ((0.2, "holds"), (-0.1, "violated")):
        prop = half_space(target, box, [0.6, -0.8], excess)
        assert vf.verify(network, target, prop, certificate).status == status


def test_a_thin_unsafe_set_is_excluded_by_many_cells(proved):
    """A wedge beside the image, no side of which excludes it alone."""
    flow, target, certificate = proved
    box = vf.Box([0.5, -0.5], [1.0, 0.0])
    image = target(box.sample(4096))
    corner = image[np.argmax(image @ [1.0, 1.0])] + 0.1
    A = np.array([[-1.0, 0.2], [0.2, -1.0]])
    prop = vf.Property([vf.UnsafeSet(box, A, A @ corner)])
    verdict = vf.verify(flow, target, prop, certificate)
    assert verdict.status == "holds" and not prop.violated_by(box.sample(4096), image).any()


def test_limits_of_cells_and_seconds_leave_it_unknown(proved, monkeypatch):
    monkeypatch.setattr(branch_and_bound, "_FIRST_CELLS", 1)
    flow, target, certificate = proved
    prop = half_space(target, target.domain, [1.0, 0.0], 1.2 * certificate.per_output[0])
    few = vf.verify(flow, target, prop, certificate, max_cells=2)
    assert few.status == "unknown" and "more than 2 cells" in few.statement and few.point is None
    late = vf.verify(flow, target, prop, certificate, max_seconds=1e-9)
    assert late.status == "unknown" and "time" in late.statement
    done = vf.verify(flow, target, prop, certificate)
    assert done.status == "holds" and done.cells > 2


def test_exploration_stops_at_what_no_cell_excludes(proved):
    flow, target, certificate = proved
    prop = half_space(target, target.domain, [1.0, 0.0], -0.3)
    (unsafe,), (widened,) = prop.unsafe, prop.widened(certificate.per_output).unsafe
    enclosure = enclosure_of(flow, "float64")
    outcome = explore(flow, enclosure, unsafe, widened, 10_000, lambda: False)
    assert not outcome.excluded and len(outcome.undecided)
    assert np.all(slack(widened, flow(outcome.undecided)) <= 0)


def test_foreign_certificates_and_boxes_are_refused(proved):
    flow, target, certificate = proved
    prop = half_space(target, vf.Box([0, 0], [1, 1]), [1.0, 0.0], 1.0)
    other = vf.PlanarFlow(flow.a, flow.w, flow.t + 1e-9, flow.stops, flow.M, flow.m, flow.domain)
    with pytest.raises(vf.CertificateRefused, match="another network"):
        vf.verify(other, target, prop, certificate)
    longer = vf.FlowMap(target.field, 0.7, target.domain)
    with pytest.raises(vf.CertificateRefused, match="another system"):
        vf.verify(flow, longer, prop, certificate)
    with pytest.raises(vf.CertificateRefused, match="sampled"):
        vf.verify(flow, target, prop, vf.certify(flow, target))
    outside = vf.Property.always(vf.Box([0, 0], [1, 2]), [[1.0, 0.0]], [9.0])
    with pytest.raises(ValueError, match="coordinate 1"):
        vf.verify(flow, target, outside, certificate)
    with pytest.raises(ValueError, match="3 inputs"):
        vf.verify(
            flow, target, vf.Property.always(vf.Box([0] * 3, [1] * 3), [[1.0, 0.0]], [9.0]), certificate
        )


def test_without_a_certificate_one_is_made(proved):
    flow, target, _ = proved
    prop = half_space(target, vf.Box([0, 0], [1, 1]), [1.0, 0.0], 1.0)
    verdict = vf.verify(flow, target, prop)
    assert verdict.status == "holds" and np.all(verdict.margin > 0)
