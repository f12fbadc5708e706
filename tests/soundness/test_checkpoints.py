"""Checkpoints: a proof goes on from an untouched one as if nothing had been, and from no other."""

import json
import os
import signal
import struct
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import safetensors.numpy

import vanillaflow as vf
from vanillaflow.cli import main
from vanillaflow.deadline import TimeIsUp
from vanillaflow.enclosures import bisection
from vanillaflow.enclosures.checkpoint import Checkpoint
from vanillaflow.enclosures.images import enclosure_of
from vanillaflow.enclosures.monomials import monomials
from vanillaflow.enclosures.patches import Patches
from vanillaflow.enclosures.tiling import Bisections, first_cells
from vanillaflow.files import write_atomically
from vanillaflow.files.checksum import checksum

KEY = "vanillaflow.proof"
TARGET = vf.zoo.pendulum().target()
FLOW = vf.PlanarFlow.identity(2, TARGET.domain)
GOAL = 2.21


class Stopped(Exception):
    pass


def stopping(monkeypatch, stage, count, error):
    """The proof ends with `error` when it offers that stage for the count-th time."""
    offer, left = Checkpoint.offer, [count]

    def stop(self, name, arrays):
        offer(self, name, arrays)
        left[0] -= name == stage
        if left[0] == 0:
            raise error

    monkeypatch.setattr(Checkpoint, "offer", stop)


def prove(path, target=TARGET, flow=FLOW, **options):
    return vf.certify(flow, target, "rigorous", goal=GOAL, checkpoint=path, **options)


@pytest.fixture(scope="module")
def whole():
    return prove(None)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The files of a proof that was stopped in each stage."""
    found = {}
    for stage, count in (("patches", 1), ("cells", 2)):
        path = tmp_path_factory.mktemp("proof") / "proof.part"
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            stopping(patch, stage, count, Stopped)
            prove(path)
        found[stage] = path.read_bytes()
    return found


def parts(content):
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
    return header, {name: array.copy() for name, array in safetensors.numpy.load(content).items()}


def packed(header, arrays):
    """With a checksum that fits."""
    header = {name: value for name, value in header.items() if name != "sha256"}
    header["sha256"] = checksum(header, arrays)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors.numpy.save(arrays, {KEY: json.dumps(header)})


@pytest.mark.parametrize("stage", ["patches", "cells"])
def test_an_untouched_one_goes_on_to_the_last_bit(contents, whole, stage, tmp_path):
    path = tmp_path / "proof.part"
    header, arrays = parts(contents[stage])
    assert header["stage"] == stage
    path.write_bytes(packed(header, arrays))
    again = prove(path)
    assert again.bound == whole.bound and again.points == whole.points and not path.exists()
    np.testing.assert_array_equal(again.per_output, whole.per_output)


def changed(name, change):
    return lambda arrays: {**arrays, name: change(arrays[name])}


def lower(array):
    array = array.copy()
    array[len(array) // 2] *= 0.99
    return array


TAMPERED = {
    "one bound lowered": changed("cells.bounds", lower),
    "bounds halved": changed("cells.bounds", lambda a: 0.5 * a),
    "bounds of NaN": changed("cells.bounds", lambda a: np.nan * a),
    "bounds below 0": changed("cells.bounds", lambda a: -a),
    "cells of 9 left": lambda arrays: {n: a[:9] if n.startswith("cells.") else a for n, a in arrays.items()},
    "no cells": lambda arrays: {n: a[:0] if n.startswith("cells.") else a for n, a in arrays.items()},
    "a cell twice": changed("cells.centers", lambda a: np.concatenate([a[:1], a[:-1]])),
    "smaller cells": changed("cells.halves", lambda a: 0.999 * a),
    "an array left out": lambda arrays: {n: a for n, a in arrays.items() if n != "cells.halves"},
    "cells elsewhere": changed("cells.patch", lambda a: a + 10**9),
    "patches of floats": changed("cells.patch", lambda a: a.astype(np.float64)),
    "a shape": changed("cells.centers", lambda a: a[:, :1]),
    "an axis": changed("cells.axis", lambda a: a + 7),
    "bisections of nothing": changed("cells.bisections.index", lambda a: a + 10**6),
    "rounds": changed("cells.bisections.counts", lambda a: a + 1),
    "patches that are off": changed("patches.c", lambda a: a + 0.1),
    "patches of NaN": changed("patches.g", lambda a: np.nan * a),
    "patches without rest": changed("patches.rest", lambda a: 0 * a),
    "smaller patches": changed("patches.halves", lambda a: 0.5 * a),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_one_is_refused(contents, how, tmp_path):
    path = tmp_path / "proof.part"
    header, arrays = parts(contents["cells"])
    content = packed(header, TAMPERED[how](arrays))
    path.write_bytes(content)
    with pytest.raises(
        vf.FileFormatError, match=r"proof\.part' is refused: (its|it has no array|the rounds)"
    ):
        prove(path)
    assert path.read_bytes() == content


def test_patches_that_are_not_true_are_refused_where_all_fits(contents, tmp_path):
    """Who knows the code can bound the cells with flows that are none."""
    path = tmp_path / "proof.part"
    header, arrays = parts(contents["cells"])
    arrays["patches.c"] = arrays["patches.c"] * 0.9
    names = ("centers", "halves", "c", "g", "rest")
    flows = Patches.of(monomials(2, 4), {name: arrays[f"patches.{name}"] for name in names})
    boxes = (arrays[f"cells.{name}"] for name in ("patch", "centers", "halves"))
    arrays["cells.bounds"] = bisection.bound_cells(enclosure_of(FLOW, "float64"), flows, *boxes).bounds
    path.write_bytes(packed(header, arrays))
    with pytest.raises(vf.FileFormatError, match="the flow is where it is not"):
        prove(path)


@pytest.mark.parametrize("name", ["todo.centers", "centers", "rest", "bisections.counts"])
def test_patches_on_the_way_are_looked_at(contents, name, tmp_path):
    path = tmp_path / "proof.part"
    header, arrays = parts(contents["patches"])
    arrays[name] = arrays[name][:-1] if len(arrays[name]) else np.ones((3, *arrays[name].shape[1:]))
    path.write_bytes(packed(header, arrays))
    with pytest.raises(vf.FileFormatError, match=r"proof\.part' is refused"):
        prove(path)


@pytest.mark.parametrize("stage", ["patches", "cells", "nonsense", None, [1]])
def test_another_stage_is_refused(contents, stage, tmp_path):
    path = tmp_path / "proof.part"
    for name in contents:
        header, arrays = parts(contents[name])
        if stage != name:
            path.write_bytes(packed(header | {"stage": stage}, arrays))
            with pytest.raises(vf.FileFormatError, match=r"proof\.part' is refused"):
                prove(path)


def test_every_digit_of_the_system_counts(contents, tmp_path):
    path = tmp_path / "proof.part"
    path.write_bytes(contents["cells"])
    damping = float(np.nextafter(0.2, 1))
    others = {
        "damping": vf.FlowMap(
            vf.from_equations({"x": "y", "y": f"-sin(x) - {damping!r}*y"}), 1.0, TARGET.domain
        ),
        "shift": vf.FlowMap(
            vf.from_equations({"x": "y + 1e-10", "y": "-sin(x) - 0.2*y"}), 1.0, TARGET.domain
        ),
        "duration": TARGET.until(np.nextafter(TARGET.duration, 2)),
        "box": vf.FlowMap(TARGET.field, 1.0, vf.Box(TARGET.domain.low, np.nextafter(TARGET.domain.high, 9))),
    }
    for other in others.values():
        with pytest.raises(vf.FileFormatError, match=r"proof\.part' is of another network, system"):
            prove(path, other)
    M = np.array([[[1.0, 0.0], [0.0, np.nextafter(1.0, 2)]]])
    other = vf.PlanarFlow(FLOW.a, FLOW.w, FLOW.t, [0], M, np.zeros((1, 2)), FLOW.domain)
    with pytest.raises(vf.FileFormatError, match="another network"):
        prove(path, flow=other)


def test_a_proof_in_a_hurry_goes_on_as_if_it_had_none(whole, monkeypatch, tmp_path):
    """What was made when it was late is in no checkpoint, in whatever stage that is."""
    path = tmp_path / "proof.part"
    monkeypatch.setattr(import_module("vanillaflow.certificates.rigorous"), "_GRACE", 0.0)
    bounds = []
    for seconds in np.geomspace(0.02, 1, 6):
        try:
            bounds.append(prove(path, max_seconds=float(seconds)).bound)
        except TimeIsUp:
            bounds.append(np.inf)
    assert np.inf in bounds and min(bounds) >= whole.bound
    again = prove(path)
    assert again.bound == whole.bound and again.points == whole.points


def test_ctrl_c_names_the_checkpoint(monkeypatch, tmp_path, capsys):
    path, network = tmp_path / "proof.part", tmp_path / "net.safetensors"
    FLOW.to_network("relu").save(network)
    stopping(monkeypatch, "cells", 1, KeyboardInterrupt)
    with pytest.raises(vf.ProofInterrupted, match=r"goes on from the checkpoint .*proof\.part") as caught:
        prove(path)
    assert caught.value.checkpoint == path and path.exists()
    path.unlink()
    monkeypatch.undo()
    stopping(monkeypatch, "cells", 1, KeyboardInterrupt)
    arguments = ["certify", str(network), "pendulum", "--method", "rigorous", "--tol", str(GOAL)]
    assert main([*arguments, "--checkpoint", str(path)]) == 130
    said = capsys.readouterr().err
    assert str(path) in said and said.count("\n") == 1 and path.exists()
    # Without a file there is none to name.
    monkeypatch.undo()
    stopping(monkeypatch, "cells", 1, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt) as plain:
        prove(None)
    assert not isinstance(plain.value, vf.ProofInterrupted)


KILLED = """
import os, signal, sys
from vanillaflow.files import write_atomically
os.replace = lambda *_: os.kill(os.getpid(), int(sys.argv[2]))
write_atomically(sys.argv[1], b"half")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_killed_processes_leave_is_removed_by_the_next(tmp_path, number):
    path = tmp_path / "file"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(int(number))])
    assert done.returncode == -number
    (left,) = tmp_path.iterdir()
    # A proof with a checkpoint there removes it, too, though it is done before it writes any.
    copy = left.read_bytes()
    Checkpoint(tmp_path / "proof.part", "key")
    assert not left.exists()
    left.write_bytes(copy)
    # Of a living process, of another machine just now, and what has only a similar name.
    _, machine, _, token = left.name.removesuffix(".tmp").split("-")
    kept = [f".vanillaflow-{machine}-{os.getppid()}-{token}.tmp", f".vanillaflow-00000000-1-{token}.tmp"]
    kept += [".vanillaflow-notes.tmp", f"vanillaflow-{machine}-1-{token}.tmp"]
    old = tmp_path / f".vanillaflow-{token}.tmp"
    for name in (*kept, old.name):
        (tmp_path / name).write_bytes(b"")
    os.utime(old, (0, 0))
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert {each.name for each in tmp_path.iterdir()} == {"file", *kept}


def test_bisections_that_cannot_be_are_refused():
    record, first = Bisections(), first_cells(TARGET.domain, 4)
    record.add(np.array([0, 2]), np.array([0, 1]))
    record.add(np.array([5]), np.array([0]))
    arrays = record.arrays()
    centers, halves, root = Bisections.of(**arrays).replay(*first)
    assert len(centers) == len(halves) == 7 and root.tolist() == [1, 3, 0, 2, 0, 2, 2]
    volume = np.prod(2 * halves, axis=1)
    np.testing.assert_allclose(volume.sum(), np.prod(TARGET.domain.width), rtol=1e-10)
    for name, wrong in (("index", [0, 0, 5]), ("index", [0, 9, 5]), ("axis", [0, 2, 0]), ("counts", [3, 1])):
        with pytest.raises(ValueError, match="bisections"):
            Bisections.of(**{**arrays, name: np.array(wrong)}).replay(*first)
