"""The notebook is the page about the theorem, and it runs."""

import json
import os

import pytest

from page_blocks import blocks
from theorem_notebook import NOTEBOOK, PAGE, notebook


def test_notebook_is_the_page():
    wanted = notebook(PAGE.read_text(encoding="utf-8"))
    assert NOTEBOOK.read_text(encoding="utf-8") == wanted + "\n", "run: python docs/_site/theorem_notebook.py"
    code = ["".join(c["source"]) for c in json.loads(wanted)["cells"] if c["cell_type"] == "code"]
    assert code == [block.text.strip("\n") for block in blocks(PAGE.read_text(encoding="utf-8"))]


def test_notebook_runs_and_draws(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    client = pytest.importorskip("nbclient").NotebookClient
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1] / "src")]))
    cells = nbformat.read(NOTEBOOK, as_version=4)
    # What the page's own test runs, and takes longest.
    cells.cells = [cell for cell in cells.cells if "vf.compile(" not in cell.source]
    client(cells, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    figures = [
        output
        for cell in cells.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(figures) == 8
