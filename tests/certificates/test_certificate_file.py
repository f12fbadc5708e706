"""Certificates as files: read back exactly, and everything else is refused with the reason."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from certificate_cases import entries, random_certificate, signed
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.certificates.certificate_file import from_json, to_json

METHODS = ("sampled", "statistical")


def same(left: vf.Certificate, right: vf.Certificate) -> bool:
    return all(
        np.array_equal(getattr(left, f.name), getattr(right, f.name))
        if isinstance(getattr(left, f.name), np.ndarray)
        else getattr(left, f.name) == getattr(right, f.name)
        for f in fields(vf.Certificate)
    )


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.integers(1, 6))
def test_round_trip(seed, method, d):
    certificate = random_certificate(seed, method, d)
    text = to_json(certificate)
    assert same(from_json(text), certificate)
    assert to_json(from_json(text)) == text


@given(st.floats(0, allow_nan=False, allow_infinity=False), st.text(), st.integers(0, 2**200))
def test_extreme_values_round_trip(number, text, count):
    certificate = replace(
        random_certificate(0, "sampled"),
        bound=number,
        largest=number,
        per_output=np.array([number, 5e-324]),
        system=text,
        seed=count,
        seconds=number,
    )
    assert same(from_json(to_json(certificate)), certificate)


def test_files(tmp_path):
    certificate = random_certificate(1)
    certificate.save(tmp_path / "c.json")
    assert same(vf.Certificate.load(tmp_path / "c.json"), certificate)
    with pytest.raises(vf.VanillaflowError, match=r"there is no file '.*absent'"):
        vf.Certificate.load(tmp_path / "absent")
    with pytest.raises(vf.OutputError, match="there is no directory"):
        certificate.save(tmp_path / "absent" / "c.json")
    (tmp_path / "c.json").write_bytes(b"\xff" + to_json(certificate).encode())
    with pytest.raises(vf.FileFormatError, match=r"cannot read '.*c.json'.*utf-8"):
        vf.Certificate.load(tmp_path / "c.json")


def test_a_huge_file_is_not_read(tmp_path):
    with open(tmp_path / "huge.json", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(vf.FileFormatError, match="it has more than 16777216 bytes"):
        vf.Certificate.load(tmp_path / "huge.json")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [f.name for f in fields(vf.Certificate)])
def test_no_changed_entry_goes_unnoticed(name, method):
    """Any entry changed, removed, or of another type."""
    values = entries(random_certificate(2, method))
    for changed in (None, 0, 1, -1.0, "", "x", [], [1.0], {}, True, [[1.0, 2.0]], 10**400):
        if values[name] == changed and type(values[name]) is type(changed):
            continue
        with pytest.raises(vf.FileFormatError, match="does not match its checksum"):
            from_json(json.dumps(values | {name: changed}))
    with pytest.raises(vf.FileFormatError, match=f"it lacks entry '{name}'"):
        from_json(signed({key: value for key, value in values.items() if key != name}))


WRONG = {
    "bound": [None, "0.1", [0.1], True, -0.1, 10**400],
    "largest": [None, -1.0],
    "confidence": [None, 0.0, 1.0, 2.0, "0.9"],
    "coverage": [None, 0.0, 1.0, "0.9"],
    "solver_error": [None, -1.0, "0"],
    "points": [0, -1, 1.0, "10", None, True],
    "seed": [-1, 0.5, None, True],
    "duration": [0.0, -1.0, None],
    "seconds": [None, "1"],
    "method": ["hope", None, 1, []],
    "dtype": ["float16", None],
    "per_output": [[], [0.1], [0.1, 0.1, 0.1], [0.1, -0.1], [0.1, None], [0.1, [0.1]], None, 0.1],
    "worst_point": [[], [0.0], [0.0, 99.0], [0.0, "0"], None],
    "box": [None, {}, [], {"low": [0, 0]}, {"low": [1, 1], "high": [0, 0]}, {"low": [0], "high": [1, 1]}],
    "network_hash": [None, 5],
    "system_hash": [None, 5],
    "system": [None, 5],
    "reference": [None, 5],
    "version": [None, 5],
    "format": [0, 2, "1", None],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_with_the_right_checksum(name):
    values = entries(random_certificate(3))
    for wrong in WRONG[name]:
        with pytest.raises(vf.FileFormatError) as refusal:
            from_json(signed(values | {name: wrong}))
        assert "\n" not in str(refusal.value)


def test_a_sampled_certificate_claims_no_upper_bound():
    values = entries(random_certificate(3, "sampled"))
    for wrong in ({"confidence": 0.9}, {"coverage": 0.9}, {"solver_error": 0.0}, {"bound": 0.0}):
        with pytest.raises(vf.FileFormatError):
            from_json(signed(values | wrong))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is not a table"),
        ("3", "it is not a table"),
        ("{}", "it lacks entry"),
        ('{"bound": NaN}', "it holds NaN, which is no number"),
        ('{"bound": -Infinity}', "it holds -Infinity"),
        ('{"points": ' + "9" * 10_000 + "}", "it is not JSON"),
    ],
)
def test_what_is_no_certificate(text, said):
    with pytest.raises(vf.FileFormatError, match=said):
        from_json(text)


def test_unexpected_entries():
    with pytest.raises(vf.FileFormatError, match="it has an unexpected entry 'extra'"):
        from_json(signed(entries(random_certificate(4)) | {"extra": 1}))


def test_what_cannot_be_saved(unchecked):
    for change, said in (
        ({"bound": np.inf}, "not finite"),
        ({"network_hash": None}, "does not know its network_hash"),
        ({"box": None}, "does not know its box"),
    ):
        with pytest.raises(ValueError, match=said):
            to_json(replace(random_certificate(5), **change))
