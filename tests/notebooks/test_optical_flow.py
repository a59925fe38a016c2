"""The notebook of optical flow runs from top to bottom and shows its figures."""

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import numpy as np
import pytest
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "optical_flow.ipynb"
STEPS = "steps = 120 "


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: those of sockets may not have more than 107 characters."""
    with TemporaryDirectory(prefix="lic-") as folder:
        yield Path(folder)


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def test_it_is_kept_without_outputs() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count is None and not cell.outputs for cell in code)


def test_it_shows_its_figures(place: Path) -> None:
    notebook = read()
    assert notebook.cells[1].source.startswith(STEPS)
    notebook.cells[1].source = notebook.cells[1].source.replace(STEPS, "steps = 2 ")
    # Its sockets are files of its own, so that kernels of other tests cannot be in the way.
    kernel = AsyncKernelManager(
        kernel_name="python3", transport="ipc", ip=str(place / "s"), connection_file=str(place / "kernel.json")
    )
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(place / "ipython")}
    client = NotebookClient(notebook, km=kernel, timeout=300, resources={"metadata": {"path": str(place)}})
    client.execute(env=surroundings, cleanup_kc=True)  # ends the kernel, failing or not
    assert not kernel.has_kernel, "the kernel is gone"

    showing = [cell for cell in notebook.cells if "show(" in cell.source]
    assert len(showing) == 14
    for cell in showing:
        (data,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        figure = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        assert figure.shape[0] > 200 and figure.shape[1] > 700, cell.source
        assert len(np.unique(figure @ np.array([1 << 16, 1 << 8, 1]))) > 100, cell.source
    (table,) = [
        output.data["text/html"]
        for cell in notebook.cells
        if "FlowMetrics()" in cell.source
        for output in cell.outputs
        if "<table>" in output.get("data", {}).get("text/html", "")
    ]
    assert "<td>network</td>" in table and "<td>zero flow</td>" in table and "unmatched" in table
    assert (place / "runs/notebook/deeppynet-2/result.json").exists()
