"""The examples are run, and what they print and draw is looked at."""

import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.mark.skipif(not os.environ.get("KEYWHEEL_LAB"), reason="KEYWHEEL_LAB names no lab program")
def test_the_quickstart_rotates_on_the_emulator() -> None:
    ended = subprocess.run([sys.executable, HERE / "quickstart.py"], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "backup-key is due" in ended.stdout
    assert "bucket: {'rekeyed': 12}, evidence {'change-seen': 12}" in ended.stdout
    assert "completed, clean" in ended.stdout


def executed() -> Any:
    """The notebook with its outputs."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("pandas")
    notebook = nbformat.read(HERE / "rotation.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    return notebook


def test_the_notebook_executes_and_its_pictures_are_there() -> None:
    cells = [cell for cell in executed().cells if cell.cell_type == "code"]

    def html(cell: Any) -> list[str]:
        return [out["data"]["text/html"] for out in cell.outputs if "text/html" in out.get("data", {})]

    _, due, plan, rotation, versions, history, frame = cells
    (table,) = html(due)
    assert table.count("<svg") == 2 and ">due<" in table and ">waiting<" in table and "104 days" in table
    (table,) = html(plan)
    assert "would start" in table and "new key, then new version" in table and ">14<" in table
    bar, report = html(rotation)
    assert "100%" in bar and "of 20 dependents" in bar
    assert ">clean<" in report and "14 change-seen" in report and "1 ours, 1 presumed ours" in report
    assert "is_ours=True" in versions.outputs[0]["data"]["text/plain"]
    (table,) = html(history)
    assert table.count("<svg") >= 4
    assert "rekeyed" in frame.outputs[0]["data"]["text/plain"]
    for cell in cells:
        assert not [out for out in cell.outputs if out.output_type == "error"]
        for piece in html(cell):
            assert "<script" not in piece and "http" not in piece.replace("http://www.w3.org/2000/svg", "")
