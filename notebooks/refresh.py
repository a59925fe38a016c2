"""Run the notebooks from top to bottom and keep what they show, small: python notebooks/refresh.py [NAME...]

Pictures become JPEG files of at most 700 pixels a side, 14 kB. What training prints is left out: it differs from run to
run, and names folders.
"""

import base64
import io
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
SIDES = (700, 560, 440, 350, 280)  # pixels; the largest with which a picture keeps to LARGEST
LARGEST = 14_000  # bytes
QUALITY = 50


def refresh(file: Path) -> None:
    """Run the notebook in `file` in a folder of its own and write it back with its outputs."""
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="lic-") as place:
        client = NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": place}})
        client.execute(env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)  # when it ran
            cell.outputs = [shortened(output) for output in cell.outputs if output.output_type == "execute_result"]
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]


def shortened(output: Any) -> Any:
    """`output` with its picture, if it has one, as a small JPEG file."""
    if png := output.data.pop("image/png", None):
        picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
        for side in SIDES:
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
            if buffer.tell() <= LARGEST:
                break
        output.data = {"image/jpeg": base64.b64encode(buffer.getvalue()).decode()}
        output.metadata = {}
    return output


if __name__ == "__main__":
    for name in sys.argv[1:] or ("image_codecs", "optical_flow", "video_codec"):
        refresh(HERE / f"{name}.ipynb")
