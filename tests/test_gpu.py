"""Every model on a GPU: one training step by each way to train, and files that one device writes and the other reads.

All are skipped where there is no GPU. `pytest tests -k gpu` runs these and those of exact arithmetic.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import options
from support.clips import moving
from support.gpu import needs_gpu

pytestmark = needs_gpu
Lic = Callable[..., int]

FLOAT32 = ["trainer.precision=32-true"]
WAYS = {
    "bf16": ["trainer=gpu", "size=base"],
    "ddp": ["trainer=ddp", *FLOAT32],
    "channels_last": ["trainer=gpu", "model.channels_last=true"],
    "compile": ["trainer=gpu", "model.compile=true", *FLOAT32],
}


def supported(model: str, way: str) -> bool:
    """Whether the module of `model` has that option."""
    kind = model.partition("/")[0]
    return way in ("bf16", "ddp") or kind == "image" or (kind == "flow" and way == "compile")


@pytest.mark.parametrize("model", [model for model in options("model") if not model.startswith("flow/")])
def test_files_of_a_gpu_and_of_a_processor_decode_on_the_other(
    model: str, lic: Lic, tmp_path: Path, photographs: Path
) -> None:
    """A file carries a checksum of its symbols: what decodes has the same."""
    assert lic("train", f"model={model}", "debug=step") == 0
    run = next(tmp_path.glob("runs/debug/*/result.json")).parent
    source, suffix, about = photographs / "one.png", "png", list[str]()
    if model.startswith("video/"):
        source, suffix, about = tmp_path / "clip.rgb", "mkv", ["--size=70x50"]
        source.write_bytes(b"".join(frame.tobytes() for frame in moving(70, 50, 4)))
    for one, other in (("cuda", "cpu"), ("cpu", "cuda")):
        file, decoded = tmp_path / f"{one}.lic", tmp_path / f"{one}.{suffix}"
        checkpoint = f"--checkpoint={run}"
        assert lic("compress", str(source), str(file), checkpoint, f"--device={one}", *about) == 0
        assert lic("decompress", str(file), str(decoded), checkpoint, f"--device={other}") == 0
        assert decoded.exists()


@pytest.mark.parametrize(
    ("model", "way"), [(model, way) for way in WAYS for model in options("model") if supported(model, way)]
)
def test_every_model_trains_on_a_gpu(model: str, way: str, lic: Lic, tmp_path: Path) -> None:
    # Latents of one position are channels first and last at once, and torch 2.11's compiler takes one for the other.
    crop = ["data.crop=128"] if model.startswith("image/") else []
    assert lic("train", f"model={model}", "debug=step", *crop, *WAYS[way]) == 0
    assert len(list(tmp_path.glob("runs/debug/*/result.json"))) == 1
