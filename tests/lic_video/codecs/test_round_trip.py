"""Every video codec writes and reads P and I frames to the bit as its forward pass has them, and bytes as estimated."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from support import compose, textured

from lic_video.codecs.contract import VideoCodec

SMALL = ["flow.iterations=[1,1]"]
SYSTEMS: dict[str, list[str]] = {
    "ofmc": [],
    "ofmc without motion": ["motion_estimation=none"],
    "ofmc with convolutions": ["residual=hyperprior", "model.codec.motion_codec.dras=false", "compensation=residual"],
    "ofmc with another intra codec": ["model/image@intra=mean_hyperprior"],
    "dvc": [],
}


def codec(system: str) -> VideoCodec:
    torch.manual_seed(0)
    small = [] if system == "ssf2020" else SMALL
    cfg = compose(f"model=video/{system.split()[0]}", "size=tiny", *small, *SYSTEMS.get(system, []))
    made: VideoCodec = instantiate(cfg.model.codec).eval()
    if hasattr(made, "start_from"):
        made.start_from(frames(128, 128, 4), 512.0)
    return made


def frames(height: int, width: int, count: int) -> torch.Tensor:
    """(count, 2, 3, H, W): textures, and the same moved by two pixels and one."""
    pictures = [torch.from_numpy(textured(height + 4, width + 4, seed)).permute(2, 0, 1) for seed in range(count)]
    pairs = [torch.stack([p[:, 2:-2, 2:-2], p[:, 1:-3, :-4]]) for p in pictures]
    return torch.stack(pairs).float() / 255


@pytest.mark.parametrize("system", [*SYSTEMS, "ssf2020"])
@torch.inference_mode()
def test_what_is_read_is_what_was_written_and_what_the_forward_pass_gives(system: str) -> None:
    made = codec(system)
    side = made.downsampling
    (reference, frame), *_ = frames(2 * side, 3 * side, 1)
    intra = made.intra_encode(reference[None])
    assert torch.equal(made.intra_decode(intra.streams, (2 * side, 3 * side)), intra.x_hat)
    assert torch.equal(made.intra_forward(reference[None]).x_hat.clamp(0, 1), intra.x_hat)
    written = made.encode(frame[None], intra.x_hat)
    assert torch.equal(made.decode(written.streams, intra.x_hat), written.x_hat)
    coded = made(frame[None], intra.x_hat)
    assert torch.equal(coded.x_hat.clamp(0, 1), written.x_hat)
    estimated = sum(-p.double().log2().sum().item() for p in coded.likelihoods.values())
    held = 8 * sum(map(len, written.streams))
    assert held == pytest.approx(estimated, rel=0.02, abs=100 * len(written.streams))


def test_sizes_are_the_thesis_own() -> None:
    """Within 5 % of table 7.10: 10.15 M in all beside the intra codec; motion codec 4.97 M of table 7.11."""
    cfg = compose("model=video/ofmc")
    parts = {name: instantiate(cfg.model.codec[name]) for name in STAGES}
    counts = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in parts.items()}
    assert sum(counts.values()) == pytest.approx(10.15, rel=0.05)
    assert counts["motion_codec"] == pytest.approx(4.97, rel=0.05)
    assert counts["motion_estimation"] == pytest.approx(1.03, rel=0.05)
    assert counts["artifact_reduction"] == pytest.approx(1.70, rel=0.05)


STAGES = ("motion_estimation", "motion_codec", "motion_compensation", "residual_codec", "artifact_reduction")


@torch.inference_mode()
def test_a_moved_picture_is_predicted_from_the_start() -> None:
    """Untrained, ofmc tiny is block matching, a coarse motion codec and a transform codec: warping helps at once."""
    made = codec("ofmc")
    pairs = frames(128, 128, 4)
    coded = made(pairs[:, 1], pairs[:, 0])
    stages: Any = coded.stages
    copied, warped = ((pairs[:, 1] - p).square().mean() for p in (pairs[:, 0], stages.warped))
    assert warped < 0.7 * copied
    assert (coded.x_hat - pairs[:, 1]).square().mean() < warped
