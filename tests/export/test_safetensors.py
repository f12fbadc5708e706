"""Saved flows and networks come back to the bit, and nothing else is loaded."""

import json
import pickle
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from random_objects import assert_same_flow, assert_same_network, random_flow, random_network
from vanillaflow.export import safetensors as vf_safetensors
from vanillaflow.files.checksum import checksum
from vanillaflow.network.dialects import DIALECTS

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("safetensors")


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(0, 20), st.integers(0, 4), st.booleans())
def test_flow_round_trip(directory, seed, d, kinks, affine, described):
    flow = random_flow(seed, d, kinks, affine, described)
    flow.save(directory / "flow")
    assert_same_flow(vf.load(directory / "flow"), flow)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(0, 20), st.booleans(), st.sampled_from(list(DIALECTS)))
def test_network_round_trip(directory, seed, d, depth, described, dialect):
    network = random_network(seed, d, depth, described, dialect)
    network.save(directory / "network")
    assert_same_network(vf.load(directory / "network"), network)


def test_extreme_numbers_round_trip(directory):
    extreme = np.array([[np.nextafter(1, 2), 5e-324], [-0.0, np.finfo(float).max]])
    network = vf.FeedforwardNetwork([extreme, np.eye(2)], np.full((2, 2), np.pi), [5e-324])
    network.save(directory / "extreme")
    assert_same_network(vf.load(directory / "extreme"), network)


def test_the_same_object_gives_the_same_bytes(directory):
    for thing in (random_flow(1), random_network(1), random_network(1, dialect="relu")):
        contents = set()
        for i in range(3):
            thing.save(directory / f"copy{i}")
            contents.add((directory / f"copy{i}").read_bytes())
        assert len(contents) == 1


def test_other_tools_can_read_the_tensors(directory):
    network = random_network(2)
    network.save(directory / "plain")
    tensors = safetensors.numpy.load_file(directory / "plain")
    assert np.array_equal(tensors["weights"], network.weights)
    assert np.array_equal(tensors["domain.low"], network.domain.low)


# A good file, and ways to spoil it. Files that are consistent but wrong are made with a valid checksum.


def good(thing) -> tuple[dict, dict]:
    """(header, tensors) of the file that `thing` is saved as."""
    content = vf_safetensors._serialize(thing)
    return vf_safetensors._header(content), safetensors.numpy.load(content)


def write_signed(path, header, tensors):
    header = {k: v for k, v in header.items() if k != "sha256"}
    header["sha256"] = checksum(header, tensors)
    path.write_bytes(safetensors.numpy.save(tensors, metadata={"vanillaflow": json.dumps(header)}))


def refuse(path, match):
    with pytest.raises(vf.FileFormatError, match=match) as caught:
        vf.load(path)
    message = str(caught.value)
    assert repr(str(path)) in message
    assert "\n" not in message


@pytest.mark.parametrize("thing", [random_flow(3), random_network(3)], ids=["flow", "network"])
def test_truncated_anywhere(thing, tmp_path):
    path = tmp_path / "file"
    thing.save(path)
    content = path.read_bytes()
    header = 8 + struct.unpack("<Q", content[:8])[0]
    lengths = {0, 1, 7, 8, 9, header // 2, header - 1, header, header + 1, len(content) - 8, len(content) - 1}
    for length in lengths:
        path.write_bytes(content[:length])
        refuse(path, "not a complete safetensors file")
    path.write_bytes(content + b"\0")
    refuse(path, "not a complete safetensors file")


@pytest.mark.parametrize("thing", [random_flow(4), random_network(4)], ids=["flow", "network"])
def test_no_changed_byte_goes_unnoticed(thing, tmp_path):
    path = tmp_path / "file"
    thing.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    header = 8 + struct.unpack("<Q", content[:8])[0]
    places = np.concatenate([np.arange(0, header, 3), rng.integers(header, len(content), 200)])
    padding = [i for i in range(header) if content[i : i + 1] == b" "]
    for place in places:
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(spoiled))
        try:
            loaded = vf.load(path)
        except vf.FileFormatError:
            continue
        # White space around the JSON, or in it, carries nothing: the object must then be the same.
        assert place in padding
        same = assert_same_flow if isinstance(thing, vf.PlanarFlow) else assert_same_network
        same(loaded, thing)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, world",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(4096),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xfe\x00\x01",
        b"[" * 100_000,
        pickle.dumps({"weights": np.zeros((1, 2, 2))}),
    ],
    ids=["empty", "text", "png", "zeros", "huge header", "list", "not utf-8", "nested", "pickle"],
)
def test_not_safetensors(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    refuse(path, "not a complete safetensors file")


def test_a_pickle_is_never_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    path = tmp_path / "file"
    path.write_bytes(pickle.dumps(Bomb()))
    refuse(path, "not a complete safetensors file")
    assert not (tmp_path / "exploded").exists()


def test_an_onnx_file_is_not_a_saved_network(tmp_path):
    random_network(0).to_onnx(tmp_path / "file")
    refuse(tmp_path / "file", "not a complete safetensors file")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_others(metadata, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(safetensors.numpy.save({"weights": np.zeros((1, 2, 2))}, metadata=metadata))
    refuse(path, "not written by vanillaflow")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "metadata cannot be read"),
        ("[]", "not a table"),
        ("[" * 50_000, "metadata"),
        ("3", "not a table"),
    ],
)
def test_metadata_that_is_no_table(text, match, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(safetensors.numpy.save({"t": np.zeros(1)}, metadata={"vanillaflow": text}))
    refuse(path, match)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version(version, tmp_path):
    header, tensors = good(random_flow(5))
    write_signed(tmp_path / "file", header | {"format": version}, tensors)
    refuse(tmp_path / "file", "version .* of the format; this vanillaflow reads version 1 of a planar_flow")


@pytest.mark.parametrize("kind", ["resnet", None, 3, []])
def test_another_kind(kind, tmp_path):
    header, tensors = good(random_flow(5))
    write_signed(tmp_path / "file", header | {"kind": kind}, tensors)
    refuse(tmp_path / "file", "it holds a .*, not one of planar_flow, feedforward_network")


def test_swapped_kinds(tmp_path):
    for thing, kind in ((random_flow(5), "feedforward_network"), (random_network(5), "planar_flow")):
        header, tensors = good(thing)
        write_signed(tmp_path / "file", header | {"kind": kind}, tensors)
        refuse(tmp_path / "file", "lacks tensor")


@pytest.mark.parametrize("name", ["a", "w", "t", "stops", "M", "m", "domain.low", "domain.high"])
def test_missing_tensor(name, tmp_path):
    header, tensors = good(random_flow(6))
    del tensors[name]
    write_signed(tmp_path / "file", header, tensors)
    refuse(tmp_path / "file", f"lacks tensor '{name}'")


def test_unexpected_tensor(tmp_path):
    header, tensors = good(random_network(6))
    write_signed(tmp_path / "file", header, tensors | {"extra": np.zeros(1)})
    refuse(tmp_path / "file", "unexpected tensor 'extra'")


FLOW_FAULTS = {
    "float32": ("a", lambda v: v.astype(np.float32), "dtype F32 instead of F64"),
    "integer": ("t", lambda v: v.astype(np.int64), "dtype I64 instead of F64"),
    "real stops": ("stops", lambda v: v.astype(np.float64), "dtype F64 instead of I64"),
    "shape": ("w", lambda v: v[:, :-1], "shape"),
    "rank": ("t", lambda v: v[:, None], "shape"),
    "nan": ("w", lambda v: np.where(np.arange(v.size).reshape(v.shape) == 4, np.nan, v), "must be finite"),
    "infinity": ("t", lambda v: v + np.inf, "must be finite"),
    "kappa": ("a", lambda v: -5 * v - 20 * np.sign(v), "kappa"),
    "overflow": ("a", lambda v: v * 1e307, "kappa|finite"),
    "stops too large": ("stops", lambda v: v + 1000, "within 0..10"),
    "stops decreasing": ("stops", lambda v: np.array([3, 1]), "non-decreasing"),
    "singular": ("M", lambda v: 0 * v, "singular"),
    "empty box": ("domain.low", lambda v: v + 10, "empty or inverted"),
    "box of another dimension": ("domain.low", lambda v: v[:-1], "shapes"),
}


@pytest.mark.parametrize("fault", FLOW_FAULTS)
def test_wrong_flows(fault, tmp_path):
    name, change, match = FLOW_FAULTS[fault]
    header, tensors = good(random_flow(7))
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    write_signed(tmp_path / "file", header, tensors)
    refuse(tmp_path / "file", match)


NETWORK_FAULTS = {
    "slope 0": ("slopes", lambda v: 0 * v, r"slopes must be in \(0, 1\]"),
    "slope above 1": ("slopes", lambda v: v + 1, r"slopes must be in \(0, 1\]"),
    "nan": ("biases", lambda v: np.nan * v, "must be finite"),
    "one layer short": ("weights", lambda v: v[1:], "need a bias for each row"),
    "a single number": ("weights", lambda v: np.array(0.5), "single number"),
    "not square": ("weights", lambda v: v[:, :, :-1], "shape"),
    "half": ("weights", lambda v: v.astype(np.float16), "dtype F16 instead of F64"),
}


@pytest.mark.parametrize("fault", NETWORK_FAULTS)
def test_wrong_networks(fault, tmp_path):
    name, change, match = NETWORK_FAULTS[fault]
    header, tensors = good(random_network(7))
    tensors[name] = np.array(change(tensors[name]), order="C")
    write_signed(tmp_path / "file", header, tensors)
    refuse(tmp_path / "file", match)


OTHER_DIALECT_FAULTS = {
    "slope above 0": ("relu", "slopes", lambda v: v + 0.5, "slopes must be 0 in the dialect relu"),
    "slope above 1": (
        "prelu",
        "slopes",
        lambda v: v + 1,
        r"layer 0, neuron 0, is .*; slopes must be in \(0, 1\]",
    ),
    "one slope a layer": ("prelu", "slopes", lambda v: v[:, 0], "needs slopes of shape"),
    "no slopes": ("prelu", "slopes", lambda v: np.array(0.5), "unexpected tensor"),
    "fewer slopes": ("relu", "slopes", lambda v: v[1:], "unexpected tensor 'biases.12'"),
    "more slopes": ("relu", "slopes", lambda v: np.zeros((2**40, 0)), "lacks tensor"),
    "narrow layer": ("relu", "weights.3", lambda v: v[:, :-1], "the weights of layer 3 have shape"),
    "short bias": ("relu", "biases.3", lambda v: v[:-1], "need a bias for each row"),
    "nan": ("prelu", "weights.12", lambda v: np.nan * v, "network weights of layer 12 must be finite"),
}


@pytest.mark.parametrize("fault", OTHER_DIALECT_FAULTS)
def test_wrong_networks_of_other_dialects(fault, tmp_path):
    dialect, name, change, match = OTHER_DIALECT_FAULTS[fault]
    header, tensors = good(random_network(7, dialect=dialect))
    tensors[name] = np.array(change(tensors[name]), order="C")
    write_signed(tmp_path / "file", header, tensors)
    refuse(tmp_path / "file", match)


@pytest.mark.parametrize("dialect", ["gelu", "leaky_relu", None, 3])
def test_another_dialect(dialect, tmp_path):
    header, tensors = good(random_network(7, dialect="prelu"))
    write_signed(tmp_path / "file", header | {"dialect": dialect}, tensors)
    refuse(tmp_path / "file", "a network of the dialect .*, not one of its format's")


def test_the_format_of_networks_of_one_slope_a_layer_is_the_first():
    """So that what could be read before can still be read, and older versions read what is written now."""
    header, tensors = good(random_network(7))
    assert header.keys() == {"format", "kind", "provenance", "sha256"} and header["format"] == 1
    assert {name: array.shape for name, array in tensors.items() if "." not in name} == {
        "weights": (13, 3, 3),
        "biases": (13, 3),
        "slopes": (12,),
    }
    assert good(random_network(7, dialect="relu"))[0]["format"] == 2


@pytest.mark.parametrize(
    "provenance",
    ["", "{", "[]", "null", '{"system": 3}', '{"system": "x", "duration": 1, "bogus": 2}', 7, {}],
)
def test_wrong_provenance(provenance, tmp_path):
    header, tensors = good(random_network(8))
    write_signed(tmp_path / "file", header | {"provenance": provenance}, tensors)
    refuse(tmp_path / "file", "provenance")


def test_changed_without_the_checksum(tmp_path):
    header, tensors = good(random_network(9))
    tensors["biases"] = tensors["biases"] + 1e-9
    content = safetensors.numpy.save(tensors, metadata={"vanillaflow": json.dumps(header)})
    (tmp_path / "file").write_bytes(content)
    refuse(tmp_path / "file", "checksum")


def test_no_such_file(tmp_path):
    with pytest.raises(vf.VanillaflowError, match=r"there is no file '.*absent'"):
        vf.load(tmp_path / "absent")
    with pytest.raises(vf.VanillaflowError, match="is a directory"):
        vf.load(tmp_path)
