"""A file is written whole or not at all."""

import os
import stat

import pytest

import vanillaflow as vf
from random_objects import random_flow, random_network
from vanillaflow.files import read_bytes, require_writable, write_atomically

WRITERS = {
    "flow.save": lambda path: random_flow(0).save(path),
    "network.save": lambda path: random_network(0).save(path),
    "network.to_onnx": lambda path: random_network(0).to_onnx(path),
    "network.to_c": lambda path: random_network(0).to_c(path),
    "network.to_numpy": lambda path: random_network(0).to_numpy(path),
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def test_new_file_has_the_permissions_of_the_umask(tmp_path):
    previous = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"content")
    finally:
        os.umask(previous)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["new"]


def test_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(0o604)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_missing_directory(write, tmp_path):
    with pytest.raises(vf.OutputError, match=r"cannot write '.*file': there is no directory '.*absent'"):
        write(tmp_path / "absent" / "file")
    assert os.listdir(tmp_path) == []


def test_path_is_a_directory(write, tmp_path):
    with pytest.raises(vf.OutputError, match="it is a directory"):
        write(tmp_path)
    assert os.listdir(tmp_path) == []


def test_path_is_a_device(write):
    # Replacing /dev/null by a file would be a disaster for a privileged user.
    with pytest.raises(vf.OutputError, match="not a regular file"):
        write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_parent_is_a_file(write, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(vf.OutputError, match="cannot write"):
        write(tmp_path / "file" / "inside")


@pytest.mark.parametrize("path", ["", "with\0null", "x" * 5000])
def test_impossible_names(write, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(vf.OutputError, match="cannot write"):
        write(path)
    assert os.listdir(tmp_path) == []


def test_no_permission(write, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    # By the answer of os.access, as tests may run as root, who may do anything.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(vf.OutputError, match="permission denied"):
        write(path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_midway_keeps_the_old_file_and_leaves_nothing(write, step, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(vf.OutputError, match="No space left on device"):
        write(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_interruption_leaves_nothing(write, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_output_error_is_an_os_error():
    assert issubclass(vf.OutputError, OSError)
    assert issubclass(vf.OutputError, vf.VanillaflowError)


def test_require_writable_touches_nothing(tmp_path):
    assert require_writable(tmp_path / "file") == (tmp_path / "file").resolve()
    assert os.listdir(tmp_path) == []


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(vf.VanillaflowError, match=r"there is no file '.*absent'"):
        read_bytes(tmp_path / "absent")
    with pytest.raises(vf.VanillaflowError, match="is a directory"):
        read_bytes(tmp_path)
    with pytest.raises(vf.VanillaflowError, match="cannot read"):
        read_bytes("with\0null")
