"""What pixels drift by where a decoder's floats round differently: `python -m benchmarks.drift [FOLDER]`.

A clip is coded by `ofmc` and `dvc` (`size=tiny`, at their starting values, without training) in groups of 12 and of 48
frames. Then it is decoded once as it was coded, and again with noise on whatever a float network gives (g_s, motion
compensation, artifact reduction): normal, with a deviation of 1e-6 or 1e-5 of the output's root mean square. Parameters
of the coder are exact, so that every symbol is to be the same. P frames are predicted from noisy ones: what is left of
that after 48 frames is the drift that `lic decompress --exact` would not have. FOLDER holds the frames of a clip; by
default it is procedural.
"""

import argparse
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from hydra import initialize_config_module
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils._pytree import tree_map

from common.data.image_io import read_picture
from common.data.video_files import VideoInfo
from common.entropy import exact
from common.run import resolvers
from lic_video.datasets.clips import ProceduralClips
from lic_video.files import VideoFiles
from lic_video.gop import Gop

SYSTEMS, GROUPS, LEVELS = ("ofmc", "dvc"), (12, 48), (1e-6, 1e-5)
SIDES, FRAMES = (64, 96), 48


def clip(folder: Path | None, frames: int) -> list[np.ndarray]:
    """The first `frames`, uint8 (H, W, 3), cut to `SIDES` from their middle."""
    if folder is None:
        clips = ProceduralClips(0, SIDES, frames, max_motion=4)
        return [np.ascontiguousarray(clips.frame(0, t).numpy().transpose(1, 2, 0)) for t in range(frames)]
    files = sorted(path for path in folder.iterdir() if path.is_file())[:frames]
    pictures = [read_picture(path).rgb for path in files]
    down, right = ((side - cut) // 2 for side, cut in zip(pictures[0].shape, SIDES))
    return [rgb[down : down + SIDES[0], right : right + SIDES[1]] for rgb in pictures]


def coder(system: str, frames: Sequence[np.ndarray]) -> VideoFiles:
    torch.manual_seed(0)
    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", overrides=[f"model=video/{system}", "size=tiny"])
    codec: Any = instantiate(cfg.model.codec)
    pair = torch.from_numpy(np.stack(frames[:2])).permute(0, 3, 1, 2)[None].float() / 255
    codec.start_from(pair[..., :128, :128], 512.0)
    return VideoFiles(codec, system)


@contextmanager
def noisy(level: float) -> Iterator[None]:
    """Inside, what a float network gives is off by `level` of its root mean square."""
    quiet, random = exact.synthesis, torch.Generator().manual_seed(1)

    def off(x: Tensor) -> Tensor:
        return x + level * x.square().mean().sqrt() * torch.randn(x.shape, generator=random)

    def synthesis(function: Callable[..., Any], *args: Any) -> Any:
        return tree_map(off, quiet(function, *args))

    exact.synthesis = synthesis
    try:
        yield
    finally:
        exact.synthesis = quiet


def measure(files: VideoFiles, frames: Sequence[np.ndarray], group: int) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """For each level: the largest difference of a frame's pixels, in levels of 255, before and after 8 bits."""
    files.codec.gop = Gop(group, "uni")
    info, file = VideoInfo(SIDES[1], SIDES[0], Fraction(25), None, None), io.BytesIO()
    for _ in files.encode(frames, info, file):
        pass
    data = file.getvalue()

    def decoded(level: float) -> tuple[Tensor, np.ndarray]:
        kept: list[Tensor] = []
        keep = files._decode_frame

        def keeping(*args: Any) -> Tensor | None:
            x_hat = keep(*args)
            if x_hat is None:
                raise SystemExit(f"{files.model}: a frame is lost, as symbols are others with noise of {level}.")
            kept.append(x_hat[0])
            return x_hat

        files._decode_frame = keeping  # type: ignore[method-assign, assignment]
        try:
            with noisy(level):
                shown = [rgb for _, rgb in files.decode(data)]
        finally:
            del files._decode_frame
        return torch.stack(kept), np.stack(shown)  # type: ignore[arg-type]

    floats, shown = decoded(0.0)
    found = {}
    for level in LEVELS:
        others, others_shown = decoded(level)
        errors = 255 * (others - floats).flatten(1).abs().double()
        levels = np.abs(shown.astype(int) - others_shown).reshape(len(shown), -1)
        found[level] = (
            np.stack([errors.square().mean(1).sqrt().numpy(), errors.amax(1).numpy()], 1),
            np.stack([levels.max(1), (levels > 0).mean(1)], 1),
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of the frames of a clip")
    parser.add_argument("--frames", type=int, default=FRAMES)
    arguments = parser.parse_args()
    frames = clip(arguments.folder, arguments.frames)
    console, figures = Console(width=130), {}
    console.print("Drift in levels of 255; every symbol was the same.")
    for system in SYSTEMS:
        files = coder(system, frames)
        for group in GROUPS:
            table = Table("noise", "frame", "rms", "largest", "PSNR dB", "largest, 8 bits", "pixels off")
            table.title = f"{system}, {group} frames a group"
            for level, (errors, levels) in measure(files, frames, group).items():
                for place in sorted({0, 1, len(frames) // 4 - 1, len(frames) // 2 - 1, len(frames) - 1}):
                    (rms, most), (step, share) = errors[place], levels[place]
                    psnr = 20 * np.log10(255 / max(rms, 1e-12))
                    row = (f"{level:.0e}", str(place), f"{rms:.2e}", f"{most:.2e}", f"{psnr:.1f}", f"{step:.0f}")
                    table.add_row(*row, f"{100 * share:.3f} %")
                name = f"{system}_{group}_{level:.0e}"
                figures[f"{name}_last_rms"] = float(errors[-1, 0])
                figures[f"{name}_largest"] = float(errors[:, 1].max())
                figures[f"{name}_largest_8_bits"] = float(levels[:, 0].max())
            console.print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
