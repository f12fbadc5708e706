"""Whoever does the work, and whatever happens to them, the proof is the same; and it goes on where it was."""

import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import safetensors.numpy

import vanillaflow as vf
from vanillaflow.enclosures.workers import Workers

# The package has functions of the same names.
bisection, checkpoint, patches, workers = (
    import_module(f"vanillaflow.enclosures.{name}")
    for name in ("bisection", "checkpoint", "patches", "workers")
)


@pytest.fixture(scope="module")
def compiled():
    target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]))
    return vf.compile(target, 1e-2), target


@pytest.fixture
def small_parts(monkeypatch):
    """So many parts that there is something to share."""
    monkeypatch.setattr(patches, "_BATCH", 16)
    monkeypatch.setattr(bisection, "_BATCH", 128)


def proof(compiled, **options):
    return vf.certify(*compiled, "rigorous", factor=1.15, **options)


def same(first, second):
    assert first.bound == second.bound and first.points == second.points
    np.testing.assert_array_equal(first.per_output, second.per_output)


def square(x):
    return x * x


def failing(x):
    raise ZeroDivisionError(f"at {x}")


def dying_once(mark, x):
    """Kills its process the first time, if that is not the test's own."""
    if not os.path.exists(mark):
        open(mark, "x").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def test_results_are_in_order():
    assert Workers().map(square, list(range(7)), costly=True) == [x * x for x in range(7)]
    assert Workers().map(square, []) == []
    with ThreadPoolExecutor(2) as pool:
        assert Workers(pool).map(square, list(range(7))) == [x * x for x in range(7)]
        with pytest.raises(ZeroDivisionError, match="at 3"):
            Workers(pool).map(failing, [3])
    # Shut down by now: done here.
    assert Workers(pool).map(square, [2, 3]) == [4, 9]


def test_what_a_dead_process_leaves_is_done_here(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn) as pool:
        mark = str(tmp_path / "killed")
        assert Workers(pool).map(partial(dying_once, mark), list(range(8))) == [x * x for x in range(8)]
        assert os.path.exists(mark)
        # The pool is broken, and still nothing is lost.
        assert Workers(pool).map(square, [5]) == [25]


def test_threads_and_processes_prove_the_same(compiled, small_parts):
    alone = proof(compiled)
    with ThreadPoolExecutor(2) as pool:
        same(proof(compiled, executor=pool), alone)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        same(proof(compiled, executor=pool), alone)


def test_dask_with_a_worker_killed_on_the_way(compiled, small_parts, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    alone = proof(compiled)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        mark = str(tmp_path / "killed")
        squares = Workers(executor).map(partial(dying_once, mark), list(range(8)))
        assert squares == [x * x for x in range(8)] and os.path.exists(mark)
        victim = next(iter(client.run(os.getpid).values()))
        submitted = executor.submit

        def submit(*arguments, **options):
            nonlocal victim
            future = submitted(*arguments, **options)
            if victim:
                os.kill(victim, signal.SIGKILL)
                victim = 0
            return future

        executor.submit = submit
        same(proof(compiled, executor=executor), alone)
        assert victim == 0


SCRIPT = """
from importlib import import_module
import vanillaflow as vf
print("once", flush=True)
patches, workers = (import_module("vanillaflow.enclosures." + n) for n in ("patches", "workers"))
workers._WORTH, patches._BATCH = 0.0, 16
target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]))
print(vf.certify(vf.PlanarFlow.identity(2, target.domain), target, "rigorous", factor=1.4).bound)
"""


def test_processes_of_our_own_do_not_run_the_script_again(tmp_path, monkeypatch):
    """It has no guard around its main part."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    once, bound = done.stdout.split()
    monkeypatch.setattr(patches, "_BATCH", 16)
    target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]))
    alone = vf.certify(vf.PlanarFlow.identity(2, target.domain), target, "rigorous", factor=1.4)
    assert once == "once" and float(bound) == alone.bound


class Interrupting(ThreadPoolExecutor):
    """Ctrl-C after so many parts."""

    def __init__(self, parts):
        super().__init__(1)
        self.parts = parts

    def submit(self, *arguments):
        if self.parts == 0:
            raise KeyboardInterrupt
        self.parts -= 1
        return super().submit(*arguments)


@pytest.mark.parametrize("parts", [5, 9])
def test_a_proof_goes_on_from_its_checkpoint(compiled, small_parts, monkeypatch, tmp_path, parts):
    monkeypatch.setattr(patches, "_AT_ONCE", 16)
    monkeypatch.setattr(bisection, "_BATCH", 32)
    monkeypatch.setattr(bisection, "_AT_ONCE", 64)
    alone = proof(compiled)
    file = tmp_path / "proof.part"
    with pytest.raises(KeyboardInterrupt):
        proof(compiled, executor=Interrupting(parts), checkpoint=file)
    assert file.exists()
    # What is left is less work than all of it: the same limit is not reached so early.
    for _ in range(200):
        try:
            again = proof(compiled, executor=Interrupting(parts), checkpoint=file)
        except KeyboardInterrupt:
            continue
        break
    same(again, alone)
    assert not file.exists()


def test_a_proof_without_time_keeps_its_checkpoint(compiled, tmp_path):
    file = tmp_path / "proof.part"
    early = proof(compiled, max_seconds=1e-9, checkpoint=file)
    assert file.exists()
    done = proof(compiled, checkpoint=file)
    same(done, proof(compiled))
    assert done.bound < early.bound and not file.exists()


def test_checkpoints_of_something_else_are_refused(compiled, tmp_path):
    file = tmp_path / "proof.part"
    proof(compiled, max_seconds=1e-9, checkpoint=file)
    content = file.read_bytes()
    with pytest.raises(vf.VanillaflowError, match="another network, system, goal or version"):
        vf.certify(*compiled, "rigorous", factor=1.3, checkpoint=file)
    damaged = bytearray(content)
    damaged[-3] ^= 1
    for wrong, why in (
        (bytes(damaged), "changed after it was written"),
        (content[:100], "no checkpoint"),
        (b"", "no checkpoint"),
        (b"\x00" * 1000, "no checkpoint"),
        (safetensors.numpy.save({"x": np.zeros(3)}), "no checkpoint"),
    ):
        file.write_bytes(wrong)
        with pytest.raises(vf.FileFormatError, match=why):
            proof(compiled, checkpoint=file)
        assert file.read_bytes() == wrong
    with pytest.raises(vf.OutputError):
        proof(compiled, checkpoint=tmp_path / "nowhere" / "proof.part")


def test_checkpoints_are_written_on_the_way(compiled, small_parts, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)
    written = []
    monkeypatch.setattr(
        checkpoint, "write_atomically", lambda path, content, update: written.append(len(content))
    )
    proof(compiled, checkpoint=tmp_path / "proof.part")
    assert len(written) >= 3 and workers._WORTH > 0
