"""Damaged files of every format that vanillaflow reads: each is refused in a sentence, or is what it was.

    python benchmarks/attack_files.py --count 20000 --seed 0

For every file that is read: an exception that is no VanillaflowError is bad, so is taking longer than
_SECONDS, so is memory beyond _MEMORY. Where the format has a checksum, an accepted file must hold the very
values of one of the files that were damaged. Some files are damaged before they are signed, so that what
comes after the checksum is reached as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import mutations
import numpy as np
import onnx
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper

import vanillaflow as vf
from vanillaflow.certificates.certificate import Finding
from vanillaflow.certificates.certificate_file import to_json
from vanillaflow.certificates.fingerprints import network_hash
from vanillaflow.enclosures.checkpoint import Checkpoint
from vanillaflow.export import safetensors as exact
from vanillaflow.export.onnx import network_from_onnx, read_onnx_metadata
from vanillaflow.files.checksum import checksum
from vanillaflow.network.dialects import DIALECTS
from vanillaflow.provenance import Provenance

_SECONDS = 3.0
# Above what reading took before: a file of a few kilobytes that needs more asks for more than it holds.
_MEMORY = 2**30
_DIM, _KINKS = 2, 6


@dataclass(frozen=True)
class Format:
    """Files of one format, what reads them, and the ways to damage them.

    `read` returns the values of the file as bytes, None where no checksum says which they should be.
    """

    name: str
    suffix: str
    files: list[bytes]
    read: Callable[[Path], bytes | None]
    mutations: dict[str, mutations.Mutation]


def formats(folder: Path, seed: int) -> list[Format]:
    """Every format, with a few files of it, written into the folder on the way."""
    flows = [_flow(seed + i) for i in range(2)]
    networks = [flow.to_network(dialect) for flow in flows for dialect in DIALECTS]
    path = folder / "made"

    def written(write: Callable[[Path], object]) -> bytes:
        write(path)
        return path.read_bytes()

    certificates = [_certificate(networks[0], "float32"), _certificate(networks[3], "float64")]
    onnx_files = [
        written(lambda p, n=n, d=d: n.to_onnx(p, d)) for n in networks for d in ("float32", "float64")
    ]
    onnx_files.append(written(lambda p: networks[0].to_onnx(p, "float32", certificate=certificates[0])))
    beside, fields = _fields(folder)
    checkpoints = [written(lambda p, i=i: _write_checkpoint(p, i)) for i in range(2)]
    toml = [(folder / f"{name}.toml").read_bytes() for name in ("equations", "model")]
    return [
        Format("ONNX network", ".onnx", onnx_files, _read_network, mutations.PROTOBUF),
        Format("ONNX field", ".onnx", fields, _read_field, mutations.PROTOBUF),
        Format("chain as ONNX field", ".onnx", onnx_files, _read_field, mutations.PROTOBUF),
        Format("tensors beside ONNX", ".data", [beside, beside[::-1]], _read_beside, mutations.BYTES),
        Format(
            "safetensors flow", ".safetensors", [written(f.save) for f in flows], _read_exact,
            mutations.SAFETENSORS,
        ),
        Format(
            "safetensors network", ".safetensors", [written(n.save) for n in networks], _read_exact,
            mutations.SAFETENSORS,
        ),
        Format(
            "signed flow", ".safetensors", [written(f.save) for f in flows], _read_signed,
            {"signed after": _signed_tensors},
        ),
        Format(
            "certificate", ".json", [to_json(c).encode() for c in certificates], _read_certificate,
            mutations.TEXT,
        ),
        Format(
            "signed certificate", ".json", [to_json(c).encode() for c in certificates], _read_signed_json,
            {"signed after": _signed_json},
        ),
        Format("checkpoint", ".part", checkpoints, _read_checkpoint, mutations.SAFETENSORS),
        Format("TOML", ".toml", toml, _read_toml, mutations.TEXT),
        Format("VNN-LIB", ".vnnlib", [p.encode() for p in _PROPERTIES], _read_vnnlib, mutations.TEXT),
    ]  # fmt: skip


def damaged_files(count: int, seconds: float, seed: int) -> Iterator[tuple[str, str | None]]:
    """(format and mutation, what is bad or None) for up to `count` files in about so many seconds."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        known = formats(folder, seed)
        truths: dict[str, set[bytes | None]] = {}
        for form in known:
            for content in form.files:
                (folder / f"file{form.suffix}").write_bytes(content)
                truths.setdefault(form.name, set()).add(form.read(folder / f"file{form.suffix}"))
        until = perf_counter() + seconds
        for i in range(count):
            if perf_counter() > until:
                return
            form = known[i % len(known)]
            kind = str(rng.choice(list(form.mutations)))
            first, second = (form.files[rng.integers(len(form.files))] for _ in range(2))
            content = form.mutations[kind](first, second, rng)
            yield f"{form.name}: {kind}", _verdict(form, content, folder, truths[form.name])


def _verdict(form: Format, content: bytes, folder: Path, truths: set[bytes | None]) -> str | None:
    """What is bad about how this file is read, None if nothing is."""
    path = folder / f"file{form.suffix}"
    path.write_bytes(content)
    memory, start = _peak(), perf_counter()
    try:
        values = form.read(path)
        bad = None if values in truths else "accepted with other values than its checksum says"
    except vf.VanillaflowError as error:
        bad = None if str(error) else "refused without a word"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        bad = f"{type(error).__name__}: {error}"
    seconds = perf_counter() - start
    if bad is None and seconds > _SECONDS:
        bad = f"{seconds:.1f} s"
    if bad is None and _peak() - memory > _MEMORY:
        bad = f"{(_peak() - memory) / 2**20:.0f} MiB more"
    if bad is not None and "ATTACK_KEEP" in os.environ:
        kept = Path(os.environ["ATTACK_KEEP"]) / f"{hashlib.sha256(content).hexdigest()[:12]}{form.suffix}"
        kept.write_bytes(content)
        bad += f" ({kept})"
    return bad


def _peak() -> int:
    """Bytes that this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# Files of every format.


def _flow(seed: int) -> vf.PlanarFlow:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((_KINKS, _DIM))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    made = Provenance("pendulum", 1.0, "refine", 0.01, 0.005, "sampled", 2.0, (("construct", 8, 0.5),))
    return vf.PlanarFlow(
        0.2 * w, w, rng.uniform(-1, 1, _KINKS), stops=[2], M=[1.1 * np.eye(_DIM)], m=[[0.1] * _DIM],
        domain=vf.Box([-1] * _DIM, [1] * _DIM), provenance=made,
    )  # fmt: skip


def _certificate(network: vf.FeedforwardNetwork, dtype: str) -> vf.Certificate:
    """One that names the network; whether it is true does not matter to a file."""
    return vf.Certificate(
        **vars(Finding("sampled", 0.125, np.full(_DIM, 0.1), np.zeros(_DIM), 0.0, 64, 0.125)),
        dtype=dtype, network_hash=network_hash(network, dtype), system="pendulum", system_hash="5e",
        duration=0.5, box=vf.Box([-1] * _DIM, [1] * _DIM), reference="its solver", seconds=1.5,
    )  # fmt: skip


def _fields(folder: Path) -> tuple[bytes, list[bytes]]:
    """The tensors beside the field "field.onnx" of the folder, and the files of three fields."""
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((_DIM, 4)).astype("f4"), rng.standard_normal(4).astype("f4")
    V = rng.standard_normal((4, _DIM)).astype("f4")
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["g"]),
        helper.make_node("MatMul", ["g", "V"], ["v0"]),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32(0.3), "c")),
        helper.make_node("Mul", ["v0", "c"], ["v"]),
    ]
    timed = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("ConstantOfShape", ["s"], ["ones"], value=numpy_helper.from_array(np.ones(1, "f4"))),
        helper.make_node("Mul", ["ones", "t"], ["ts"]),
        helper.make_node("Add", ["x", "ts"], ["v"]),
    ]
    state = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", _DIM])
    time = helper.make_tensor_value_info("t", TensorProto.FLOAT, [])
    out = helper.make_tensor_value_info("v", TensorProto.FLOAT, ["n", _DIM])
    tensors = [numpy_helper.from_array(a, n) for a, n in ((W, "W"), (b, "b"), (V, "V"))]

    def file(graph: onnx.GraphProto) -> bytes:
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()

    inside = file(helper.make_graph(nodes, "field", [state], [out], tensors))
    beside = b"".join(tensor.raw_data for tensor in tensors)
    (folder / "beside.data").write_bytes(beside)
    start = 0
    for tensor in tensors:
        size = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "beside.data"), ("offset", start), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        start += size
    outside = file(helper.make_graph(nodes, "field", [state], [out], tensors))
    for tensor in tensors:
        tensor.external_data[0].value = "file.data"
    (folder / "reads_file_data.onnx").write_bytes(
        file(helper.make_graph(nodes, "field", [state], [out], tensors))
    )
    (folder / "model.onnx").write_bytes(inside)
    (folder / "equations.toml").write_text(_EQUATIONS)
    (folder / "model.toml").write_text(_MODEL)
    return beside, [inside, outside, file(helper.make_graph(timed, "timed", [time, state], [out]))]


_EQUATIONS = """name = "q"
[parameters]
mu = 0.5
k = [0, 0.5]
u = { times = [0.2], values = [1, -1] }
[inputs]
torque = [-1, 1]
[equations]
"theta''" = "-sin(theta) - mu*theta'*k + torque*u"
z = "x_1**2 - z*exp(-z) / 3.5e-1"
x_1 = "relu(t - 0.5)"
[domain]
theta = [-2, 2]
"theta'" = [-2.5, 2]
z = [-1, 1]
x_1 = [0, 1e-3]
[flow]
duration = 1.0
"""
_MODEL = 'name = "m"\nfield = "model.onnx"\n[domain]\na = [-1, 1]\nb = [-2, 2]\n[flow]\nduration = 0.5\n'
_HEAD = "".join(f"(declare-const {v}_{i} Real)\n" for v in "XY" for i in range(2))
_BOX = "(assert (>= X_0 -0.5))(assert (<= X_0 0.5))\n(assert (and (>= X_1 0) (<= X_1 1)))\n"
_PROPERTIES = (
    f"; safe\n{_HEAD}{_BOX}(assert (<= Y_0 -0.5))\n",
    f"{_HEAD}{_BOX}(assert (or (and (<= Y_0 Y_1)) (and (>= (+ Y_0 (* 2.0 Y_1)) 1e-1) (<= Y_1 (- 3)))))\n",
)


def _arrays(seed: int) -> dict[str, np.ndarray]:
    return {"cells": np.random.default_rng(seed).standard_normal((3, 4)), "left": np.arange(3.0)}


def _write_checkpoint(path: Path, seed: int) -> None:
    with Checkpoint(path, "key") as checkpoint:
        checkpoint.offer("cells", lambda: _arrays(seed))
        checkpoint.keep()


# Reading. What a file says, as bytes, to be compared.


def _said(thing: vf.PlanarFlow | vf.FeedforwardNetwork) -> bytes:
    return hashlib.sha256(exact._serialize(thing)).digest()


def _read_network(path: Path) -> bytes:
    network, metadata = network_from_onnx(path), read_onnx_metadata(path)
    certificate = metadata.pop("certificate", None)
    said = "" if certificate is None else to_json(certificate)
    return _said(network) + said.encode() + repr(sorted(metadata.items(), key=str)).encode()


def _read_field(path: Path) -> None:
    field = vf.from_onnx(path)
    field(0.0, np.zeros((1, field.dim)))


def _read_beside(path: Path) -> None:
    vf.from_onnx(path.with_name("reads_file_data.onnx"))


def _read_exact(path: Path) -> bytes:
    return _said(vf.load(path))


def _read_signed(path: Path) -> None:
    flow = vf.load(path)
    tensors = safetensors.numpy.load(path.read_bytes())
    assert all(np.array_equal(getattr(flow, name), tensors[name]) for name in exact._FLOW)


def _read_certificate(path: Path) -> bytes:
    return to_json(vf.Certificate.load(path)).encode()


def _read_signed_json(path: Path) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    certificate = vf.Certificate.load(path)
    assert certificate.bound == said["bound"] and certificate.points == said["points"]
    assert certificate.worst_point.tolist() == said["worst_point"]


def _read_checkpoint(path: Path) -> bytes | None:
    stored = Checkpoint(path, "key").read()
    if stored is None:
        return None
    return repr([stored.stage, *((n, a.tobytes()) for n, a in sorted(stored.arrays.items()))]).encode()


def _read_toml(path: Path) -> None:
    system = vf.load_system(path)
    assert system.duration > 0 and np.isfinite(system.domain.low).all()


def _read_vnnlib(path: Path) -> None:
    prop = vf.read_vnnlib(path)
    assert all(np.isfinite(each.A).all() for each in prop.unsafe)


# Damage that is signed.


_VALUES = (np.nan, np.inf, -np.inf, 0.0, 1e308, -1e308, 1e-320, -1.0)


def _signed_tensors(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """A number of an array, an array's shape or size, or an entry of the header changed, and signed."""
    header, tensors = dict(exact._header(content)), dict(safetensors.numpy.load(content))
    name = str(rng.choice(sorted(tensors)))
    match rng.integers(6):
        case 0 | 1:
            array = tensors[name].copy()
            with np.errstate(invalid="ignore"):
                array.flat[rng.integers(array.size)] = rng.choice(_VALUES) if array.dtype == float else -3
            tensors[name] = array
        case 2:
            tensors[name] = tensors[name].reshape(rng.permutation(tensors[name].shape))
        case 3:
            tensors[name] = tensors[name][..., :-1] if tensors[name].ndim else tensors[name].reshape(1)
        case 4:
            tensors[str(rng.choice(["extra", *tensors]))] = tensors.pop(name)
        case _:
            key = str(rng.choice(sorted(header)))
            header[key] = rng.choice(np.array([None, 1.5, "x", [], {}, 10**30, "[" * 2000], dtype=object))
    header.pop("sha256", None)
    header["sha256"] = checksum(header, tensors)
    tensors = {key: np.ascontiguousarray(array) for key, array in tensors.items()}
    return safetensors.numpy.save(tensors, metadata={"vanillaflow": json.dumps(header)})


def _signed_json(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    values = json.loads(content)
    del values["sha256"]
    name = str(rng.choice(sorted(values)))
    values[name] = _VALUES_OF_JSON[rng.integers(len(_VALUES_OF_JSON))]
    values["sha256"] = checksum(values, {})
    return json.dumps(values).encode()


_VALUES_OF_JSON = (
    None, True, 0, -1, 0.5, 1e308, 10**400, "", "sampled", "\ud800", [], [0.0, 0.0], [1e308, -1e308],
    [[0.0]], {}, {"low": [0, 0], "high": [1, 1]}, {"low": [1e308, 0], "high": [1.1e308, 1]}, np.nan, np.inf,
)  # fmt: skip


def run(seconds: float, seed: int) -> list[tuple[str, int, int]]:
    """(format, how many files, how many bad) within about so many seconds."""
    return _counted(damaged_files(2**62, seconds, seed))


def _counted(verdicts: Iterator[tuple[str, str | None]]) -> list[tuple[str, int, int]]:
    rows: dict[str, list[int]] = {}
    for what, bad in verdicts:
        row = rows.setdefault(what.partition(": ")[0], [0, 0])
        row[0] += 1
        if bad is not None:
            row[1] += 1
            print(f"{what}: {bad}", flush=True)
    return [(f"damaged files: {name}", tried, bad) for name, (tried, bad) in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = _counted(damaged_files(options.count, options.seconds, options.seed))
    for name, tried, bad in rows:
        print(f"{name:<40} {tried:>7} {bad:>5}")
    print(f"{'all':<40} {sum(row[1] for row in rows):>7} {sum(row[2] for row in rows):>5}")


if __name__ == "__main__":
    main()
