"""Clips through our video codecs and CompressAI's: `python -m benchmarks.video`.

Encode and decode a procedural clip of 448 x 256, I P P P, with real entropy coding, one thread, each codec at its
starting values: CompressAI's `ScaleSpaceFlow` (ssf2020) with its own coder is the peer. `ssf2020` is the same network
behind our interface, with our coder; `ofmc` and `dvc` are of `size=tiny`, `ofmc_bf16` estimates motion in half
precision, as only an encoder may. Ratios are the peer's time, or memory, over ours; of P frames alone, since a clip has
few others. Times are processor time, interleaved, medians; memory is the peak of a fresh process above what it held
before, weights among that.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import hydra
import numpy as np
import torch
from compressai.models.video import ScaleSpaceFlow
from hydra import initialize_config_module
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.memory import in_fresh_process, memory
from benchmarks.timing import interleaved_medians
from common.coding.codec_files import to_input
from common.run import resolvers
from lic_video.codecs.contract import VideoCodec
from lic_video.datasets.clips import ProceduralClips

WIDTH, HEIGHT, ROUNDS = 448, 256, 7
OURS = {
    "ofmc": ["model=video/ofmc", "size=tiny"],
    "ofmc_bf16": ["model=video/ofmc", "size=tiny", "motion_estimation.block.precision=bf16-mixed"],
    "dvc": ["model=video/dvc", "size=tiny"],
    "ssf2020": ["model=video/ssf2020", "size=base"],
}
LOUD = 30.0  # what the peer's latents are multiplied by, so that there is something to code


def frames(multiple: int) -> tuple[Tensor, Tensor]:
    """Two successive frames, (1, 3, H, W), padded to a multiple."""
    clips = ProceduralClips(0, (HEIGHT, WIDTH), 2, max_motion=8)
    first, second = (np.ascontiguousarray(clips.frame(0, t).numpy().transpose(1, 2, 0)) for t in range(2))
    return to_input(first, multiple), to_input(second, multiple)


def peer() -> ScaleSpaceFlow:
    torch.manual_seed(0)
    model = ScaleSpaceFlow()
    with torch.no_grad():
        for encoder in (model.res_encoder, model.motion_encoder):
            encoder[-1].weight *= LOUD
    model.update()
    return model.eval()


def ours(name: str) -> VideoCodec:
    torch.manual_seed(0)
    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose("train", overrides=OURS[name])
    codec: VideoCodec = instantiate(cfg.model.codec)
    if name == "ssf2020":
        codec.model.load_state_dict(peer().state_dict())  # type: ignore[union-attr]
    else:
        pairs = torch.stack([torch.cat(frames(1))])
        codec.start_from(pairs[..., : HEIGHT - HEIGHT % 32, :], 256.0)  # type: ignore[operator]
    return codec.eval()


def work(name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """To encode a P frame, and to decode it."""
    if name == "peer":
        model = peer()
        reference, frame = frames(128)
        _, out = model.encode_inter(frame, reference)
        decode = partial(model.decode_inter, reference, out["strings"], out["shape"])
        return partial(model.encode_inter, frame, reference), decode
    codec = ours(name)
    reference, frame = frames(codec.downsampling)
    written = codec.encode(frame, reference)
    return partial(codec.encode, frame, reference), partial(codec.decode, written.streams, reference)


@torch.inference_mode()
def peaks(name: str) -> tuple[int, int]:
    """Bytes above those held before, encoding and decoding. To be called in a process of its own."""
    torch.set_num_threads(1)
    before = memory("VmRSS")
    encode, decode = work(name)
    decode()
    decoding = memory("VmHWM") - before
    encode()
    return memory("VmHWM") - before, decoding


@torch.inference_mode()
def measure() -> dict[str, float]:
    names = ["peer", *OURS]
    works = [work(name) for name in names]
    seconds = interleaved_medians(
        *(encode for encode, _ in works), *(decode for _, decode in works), rounds=ROUNDS, clock=time.process_time
    )
    encoding, decoding = seconds[: len(names)], seconds[len(names) :]
    memories = [in_fresh_process(peaks, name)[0] for name in names]
    table = Table(title=f"A P frame of {WIDTH} x {HEIGHT}, one thread; peer: CompressAI's ssf2020")
    for heading in ("codec", "encode ms", "decode ms", "MB", "encode ratio", "decode ratio", "memory ratio"):
        table.add_column(heading)
    figures: dict[str, float] = {}
    for i, name in enumerate(names):
        ratios = {
            "encode": encoding[0] / encoding[i],
            "decode": decoding[0] / decoding[i],
            "memory": memories[0] / memories[i],
        }
        shown = [f"{1e3 * encoding[i]:.0f}", f"{1e3 * decoding[i]:.0f}", f"{memories[i] / 1e6:.0f}"]
        table.add_row(name, *shown, *(f"{ratio:.2f}" for ratio in ratios.values()))
        if i:
            figures |= {f"{name}_{what}_ratio": round(ratio, 3) for what, ratio in ratios.items()}
    Console().print(table)
    return figures


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__).parse_args()
    torch.set_num_threads(1)
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
