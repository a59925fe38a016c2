"""Every video codec writes and reads P and I frames to the bit as its forward pass has them, and bytes as estimated."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from support import compose
from support.clips import pairs, video_codec

SYSTEMS: dict[str, list[str]] = {
    "ofmc": [],
    "ofmc without motion": ["motion_estimation=none"],
    "ofmc with convolutions": ["residual=hyperprior", "model.codec.motion_codec.dras=false", "compensation=residual"],
    "ofmc with another intra codec": ["model/image@intra=mean_hyperprior"],
    "dvc": [],
    "ssf2020": [],
}


@pytest.mark.parametrize("system", SYSTEMS)
@torch.inference_mode()
def test_what_is_read_is_what_was_written_and_what_the_forward_pass_gives(system: str) -> None:
    made = video_codec(system.split()[0], *SYSTEMS[system])
    side = made.downsampling
    (reference, frame), *_ = pairs(2 * side, 3 * side, 1)
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
    made = video_codec("ofmc")
    reference, frame = pairs(128, 128, 4).unbind(1)
    coded = made(frame, reference)
    intermediates: Any = coded.intermediates
    copied, warped = ((frame - p).square().mean() for p in (reference, intermediates.warped))
    assert warped < 0.7 * copied
    assert (coded.x_hat - frame).square().mean() < warped


@torch.inference_mode()
def test_moving_to_a_lower_rate_moves_intra_and_residual() -> None:
    made = video_codec("ofmc")
    reference, frame = pairs(128, 128, 2).unbind(1)

    def bits() -> list[float]:
        coded = [made.intra_forward(frame), made(frame, reference)]
        latents = ("intra.y", "residual.y")
        return [sum(-p.log2().sum().item() for n, p in c.likelihoods.items() if n in latents) for c in coded]

    before = bits()
    made.move(0.25)
    assert all(after < 0.7 * b for after, b in zip(bits(), before))
