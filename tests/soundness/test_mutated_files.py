"""A little of benchmarks/attack_files.py: damaged files are refused, or mean what they did."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import attack_files

COUNT = 600


@pytest.fixture(scope="module")
def verdicts():
    return list(attack_files.damaged_files(COUNT, 60.0, seed=7))


def test_no_damaged_file_is_read_wrong_or_crashes(verdicts):
    assert [(what, bad) for what, bad in verdicts if bad is not None] == []


def test_all_formats_were_tried(verdicts, tmp_path):
    tried = Counter(what.partition(": ")[0] for what, _ in verdicts)
    assert tried.total() == COUNT and min(tried.values()) >= COUNT // 20
    assert tried.keys() == {form.name for form in attack_files.formats(tmp_path, 7)}


def test_the_battery_would_see_it(tmp_path):
    """Readers that crash, that give other values, or that are slow are found."""
    form = attack_files.formats(tmp_path, 0)[0]
    truths = {form.read(_written(tmp_path, form))}

    def judged(read):
        broken = replace(form, read=read)
        return attack_files._verdict(broken, form.files[0], tmp_path, truths)

    def crashes(path):
        raise KeyError(path)

    assert judged(form.read) is None
    assert "KeyError" in judged(crashes)
    assert "other values" in judged(lambda _: b"other")


def _written(folder, form):
    path = folder / "file.onnx"
    path.write_bytes(form.files[0])
    return path


def test_run_counts_what_it_tried():
    rows = attack_files.run(0.5, 3)
    assert sum(tried for _, tried, _ in rows) > 0 and all(bad == 0 for *_, bad in rows)
