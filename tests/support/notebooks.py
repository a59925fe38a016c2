"""Running a notebook of the project in a kernel of its own, and looking at what its cells show."""

import base64
import io
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[2]


LARGEST = 300_000  # bytes of a notebook with its outputs


def assert_kept_with_small_outputs(name: str) -> None:
    """What is in the repository shows every figure, and names no folder of the machine that made it."""
    file = ROOT / "notebooks" / f"{name}.ipynb"
    assert file.stat().st_size < LARGEST
    notebook = _read(name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run from top to bottom"
    for cell in code:
        assert all(output.output_type == "execute_result" for output in cell.outputs), "figures and tables alone"
        if re.search(r"^\s*show\(", cell.source, re.MULTILINE):
            assert any("image/jpeg" in output.data for output in cell.outputs), cell.source
        texts = [text for output in cell.outputs for kind, text in output.data.items() if kind.startswith("text/")]
        assert not any(re.search(r"/(?:home|root|tmp|work)/", text) for text in texts)


def executed(name: str, steps: str, few: int, place: Path) -> Any:
    """The notebook after it ran in `place`, its `steps` ("steps = 60 ") cut down to `few`."""
    notebook = _read(name)
    assert notebook.cells[1].source.startswith(steps)
    notebook.cells[1].source = notebook.cells[1].source.replace(steps, f"steps = {few} ")
    # Its sockets are files of its own, so that kernels of other tests cannot be in the way.
    kernel = AsyncKernelManager(
        kernel_name="python3", transport="ipc", ip=str(place / "s"), connection_file=str(place / "kernel.json")
    )
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(place / "ipython")}
    client = NotebookClient(notebook, km=kernel, timeout=550, resources={"metadata": {"path": str(place)}})
    client.execute(env=surroundings, cleanup_kc=True)  # ends the kernel, failing or not
    assert not kernel.has_kernel, "the kernel is gone"
    return notebook


def assert_shows_figures(notebook: Any, count: int) -> None:
    showing = [cell for cell in notebook.cells if "show(" in cell.source]
    assert len(showing) == count
    for cell in showing:
        (data,) = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        figure = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        assert figure.shape[0] > 200 and figure.shape[1] > 700, cell.source
        assert len(np.unique(figure @ np.array([1 << 16, 1 << 8, 1]))) > 100, cell.source


def table_of(notebook: Any, word: str) -> str:
    """The one table, in HTML, of the cell whose source has `word`."""
    (table,) = [
        output.data["text/html"]
        for cell in notebook.cells
        if word in cell.source
        for output in cell.get("outputs", [])
        if "<table>" in output.get("data", {}).get("text/html", "")
    ]
    return str(table)


def _read(name: str) -> Any:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
