"""Training of video codecs: the buffer of decoded frames, objectives, guards, and going on to the bit."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from support.clips import pairs, video_codec

from common.errors import LicError
from common.module import NonFiniteLoss
from lic_video.module import MOTION_STEPS, VideoCodecModule

Lic = Callable[..., int]


def module(system: str = "ofmc", **changes: Any) -> VideoCodecModule:
    settings: dict[str, Any] = {
        "codec": video_codec(system),
        "lmbda": 512.0,
        "distortion": "mse",
        "optimizer": partial(torch.optim.Adam, lr=1e-4),
        "scheduler": lambda optimizer, steps: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0),
    }
    made = VideoCodecModule(**(settings | changes))
    made.log = made.log_dict = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    return made.train()


def batch(first: bool) -> dict[str, Any]:
    previous, current = pairs(64, 64, 2).unbind(1)
    return {"previous": previous, "current": current, "first": first}


def test_the_reference_is_the_intra_frame_then_what_the_step_before_decoded() -> None:
    made = module()
    seen: list[torch.Tensor] = []
    forward = made.codec.forward
    made.codec.forward = lambda frame, reference: (seen.append(reference), forward(frame, reference))[1]  # type: ignore
    made.training_step(batch(True), 0)
    kept = made.buffer
    made.training_step(batch(False), 1)
    made.training_step(batch(True), 2)
    intra = made.codec.intra_forward(batch(True)["previous"]).x_hat.clamp(0, 1)
    assert torch.equal(seen[0], intra) and torch.equal(seen[2], intra)
    assert kept is not None and torch.equal(seen[1], kept)
    assert not seen[1].requires_grad


def test_loss_is_bits_plus_lambda_times_mse_and_the_intra_codec_is_left_alone() -> None:
    made = module()
    data = batch(True)
    coded = made.codec(data["current"], data["previous"])
    terms = made.losses(data["current"], coded)
    pixels = 2 * 64 * 64
    bits = sum(-p.log2().sum() for p in coded.likelihoods.values()) / pixels
    mse = (coded.x_hat - data["current"]).square().mean()
    torch.testing.assert_close(terms["loss"], bits + 512 * mse)
    made.training_step(data, 0).backward()
    assert all(p.grad is None for p in made.codec.intra.parameters())  # type: ignore[union-attr]
    assert not made.codec.intra.training and made.codec.motion_codec.training  # type: ignore[union-attr]
    for name in ("motion_estimation", "motion_codec", "motion_compensation", "residual_codec", "artifact_reduction"):
        part: Any = made.codec.get_submodule(name)
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters()), name


def test_the_motion_objective_trains_what_comes_before_the_residual() -> None:
    made = module(objective="motion")
    made.training_step(batch(False), 0).backward()
    assert made.buffer is None
    parts = {name for name, p in made.codec.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name.partition(".")[0] for name in parts if "quantiles" not in name} == {
        "motion_estimation", "motion_codec", "motion_compensation",
    }  # fmt: skip
    with pytest.raises(LicError, match="no motion codec"):
        module("ssf2020", objective="motion")


def test_a_frozen_flow_network_stays_as_it_is() -> None:
    """All else is trained as before, for the whole and for the motion alone."""
    codec = video_codec("ofmc", "motion_estimation=frozen_network", given=["motion_estimation.network"])
    for objective in ("all", "motion"):
        made = module(codec=codec, objective=objective)
        made.training_step(batch(True), 0).backward()
        network: Any = made.codec.get_submodule("motion_estimation.network")
        assert not network.training and made.codec.get_submodule("motion_estimation").training
        assert all(p.grad is None and not p.requires_grad for p in network.parameters())
        moved = {name.partition(".")[0] for name, p in made.codec.named_parameters() if p.grad is not None}
        assert {"motion_codec", "motion_compensation"} <= moved and "motion_estimation" not in moved


def test_a_frozen_flow_network_comes_trained() -> None:
    with pytest.raises(LicError, match=r"give parts.motion_estimation.network=RUN"):
        video_codec("ofmc", "motion_estimation=frozen_network")


def test_ssf2020_trains_its_intra_codec_along() -> None:
    made = module("ssf2020")
    data = {key: x if key == "first" else torch.nn.functional.interpolate(x, 128) for key, x in batch(True).items()}
    for first in (True, False):  # at every step: processes that share a run wait for all gradients
        made.codec.zero_grad()
        made.training_step(data | {"first": first}, 0).backward()
        silent = [name for name, p in made.codec.named_parameters() if p.requires_grad and p.grad is None]
        assert silent == []


def test_exploding_motion_stops_the_run_with_a_sentence() -> None:
    made = module()
    costly = {"bpp_motion": torch.tensor(9.0)}
    for _ in range(MOTION_STEPS - 1):
        made.check_motion(costly)
    made.check_motion({"bpp_motion": torch.tensor(0.1)})  # once below, it counts anew
    for _ in range(MOTION_STEPS - 1):
        made.check_motion(costly)
    with pytest.raises(NonFiniteLoss, match="motion has cost more than 4 bits a pixel"):
        made.check_motion(costly)


RUN = ["model=video/ofmc", "trainer.val_check_interval=5", "data.frames=4", "data.val_limit=0", "data.crop=64"]


def test_a_run_that_goes_on_in_the_middle_of_a_clip_sees_the_frames_it_would_have_seen(
    lic: Lic, tmp_path: Path
) -> None:
    """Step 5 is the third frame of its clip: without the buffer it would start from another reference."""
    from common.run.folder import RunFolder

    def weights(name: str) -> dict[str, torch.Tensor]:
        (file,) = tmp_path.glob(f"runs/{name}/*/weights.ckpt")
        return torch.load(file, weights_only=True)["state_dict"]  # type: ignore[no-any-return]

    assert lic("train", *RUN, "name=whole", "trainer.max_steps=7") == 0
    assert lic("train", *RUN, "name=again", "trainer.max_steps=7") == 0
    (path,) = tmp_path.glob("runs/again/*")
    folder = RunFolder(path)
    state = torch.load(folder.checkpoint, weights_only=True)
    assert state["global_step"] == 5 and state["decoded_frames"].shape == (1, 2, 3, 64, 64)
    folder.weights.unlink()
    folder.result.unlink()
    assert lic("train", *RUN, "name=again", "trainer.max_steps=7") == 0
    whole, again = weights("whole"), weights("again")
    assert all(torch.equal(value, again[name]) for name, value in whole.items())


def test_parts_come_trained(lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", "model=image/swift", "debug=step", "name=intra") == 0
    assert lic("train", "model=flow/deeppynet_small", "debug=step", "name=flow") == 0
    intra, flow = (next(tmp_path.glob(f"runs/{name}/*/weights.ckpt")) for name in ("intra", "flow"))
    parts = [f"parts.intra='{intra}'", f"parts.motion_estimation.network='{flow}'"]
    assert lic("train", *RUN, "debug=step", "name=video", *parts) == 0
    (file,) = tmp_path.glob("runs/video/*/weights.ckpt")
    trained = torch.load(file, weights_only=True)["state_dict"]
    own = torch.load(intra, weights_only=True)["state_dict"]
    assert all(torch.equal(trained[f"intra.{name}"], value) for name, value in own.items())
    before = torch.load(flow, weights_only=True)["state_dict"]
    moved = [trained[f"motion_estimation.network.{name}"] - value for name, value in before.items()]
    assert 0 < max(change.abs().max() for change in moved) < 2e-3  # one step of training
    assert lic("train", *RUN, "debug=step", "name=wrong", f"+parts.engine='{intra}'") == 2
    assert "parts.engine names no part of ofmc" in capsys.readouterr().out
