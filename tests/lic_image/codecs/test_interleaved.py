"""The modules around a backbone: what each adds, its switches, noise; files are tested with all codecs' too."""

from functools import partial
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from support import assert_files_are_the_forward_pass, compose

from common.errors import LicError
from common.metrics.complexity import gmacs
from lic_image.codecs.interleaved import Interleaved
from lic_image.codecs.stf import STF
from lic_image.codecs.tinylic import TinyLIC

SMALL = partial(TinyLIC, (16, 16, 32, 32), (1, 1, 1, 1), 16, (8, 8), drop=0.0)


def lively(**changes: Any) -> Interleaved:
    """Latents of a few units, and scales as theirs."""
    torch.manual_seed(0)
    codec = Interleaved(**{"backbone": SMALL, "C": 4, "hidden": 8, **changes}).eval()
    with torch.no_grad():
        side = 32 * codec.downsampling // 16
        codec.g_a[1][-2].weight.mul_(3 / codec.g_a(torch.rand(1, 3, side, side)).std())  # type: ignore[index, operator, union-attr]
        for predictor in codec.backbone.context.predictors:  # type: ignore[union-attr]
            last: Any = predictor.parameters_of[-1]  # type: ignore[union-attr, index]
            last.bias[: last.out_channels // 2] = 3.0
    return codec


def test_what_the_modules_cost_is_near_the_papers_table() -> None:
    """Table IV: 192, 236, 347, 355 GMACs at 768x512, the modules added one after the other."""
    costs = [gmacs(codec) for codec in (TinyLIC(), *(Interleaved(TinyLIC, **off) for off in (
        {"refinement": 0, "enhancement": 0}, {"enhancement": 0}, {},
    )))]  # fmt: skip
    for ours, papers in zip(costs, (192, 236, 347, 355)):
        assert ours == pytest.approx(papers, rel=0.06)


@pytest.mark.parametrize("changes", [
    {"patch": 1}, {"patch": 3}, {"patch": 4}, {"refinement": 0}, {"levels": 1}, {"levels": 3}, {"enhancement": 0},
    {"convolutions": 1, "refinement": 1, "enhancement": 1}, {"noise": 0.1},
], ids=str)  # fmt: skip
def test_every_switch_codes(changes: dict[str, Any]) -> None:
    codec = lively(**changes)
    side = codec.downsampling
    x = torch.rand(1, 3, side, 2 * side)
    with torch.inference_mode():
        measured, out = codec(x), codec.compress(x)
        assert torch.equal(codec.decompress(**out)["x_hat"], measured["x_hat"].clamp(0, 1))
    assert measured["x_hat"].shape == x.shape
    codec.train()
    out = codec(x)
    rated = sum(-p.log2().sum() for p in out["likelihoods"].values())
    (out["x_hat"].mean() + rated + sum(out["losses"].values())).backward()
    unused = [n for n, p in codec.named_parameters() if p.grad is None and not n.endswith("quantiles")]
    assert not unused
    assert set(out["losses"]) == (set() if changes.get("enhancement") == 0 else {"enhancement"})


@pytest.mark.parametrize("batch", [1, 4])
def test_decoded_is_the_forward_pass_and_the_size_is_what_likelihoods_say(batch: int) -> None:
    assert_files_are_the_forward_pass(lively(), torch.rand(batch, 3, 256, 256))


def test_the_enhancement_loss_is_between_what_is_coded_and_what_comes_out() -> None:
    codec, x = lively().train(), torch.rand(1, 3, 64, 64)
    seen: dict[str, torch.Tensor] = {}
    codec.g_a[1].register_forward_pre_hook(lambda module, inputs: seen.update(refined=inputs[0]))
    codec.g_s[2].register_forward_pre_hook(lambda module, inputs: seen.update(decoded=inputs[0]))
    expected = codec(x)["losses"]["enhancement"]
    assert torch.equal(expected, (seen["decoded"] - seen["refined"]).square().mean()) and expected > 0


def test_noise_changes_pixels_in_evaluation_alone() -> None:
    plain, noisy = lively(), lively(noise=0.2)
    noisy.load_state_dict(plain.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert not torch.equal(plain(x)["x_hat"], noisy(x)["x_hat"])
    for codec in (plain, noisy):
        codec.train()
        torch.manual_seed(0)
        codec.seen = codec(x)["x_hat"]  # type: ignore[assignment]
    assert torch.equal(plain.seen, noisy.seen)  # type: ignore[arg-type]


def test_the_same_modules_around_stf() -> None:
    torch.manual_seed(0)
    codec = instantiate(compose("model=image/interleaved_stf", "size=tiny").model.codec).eval()
    assert isinstance(codec.backbone, STF) and codec.downsampling == 64
    x = torch.rand(1, 3, 64, 128)
    with torch.inference_mode():
        measured, out = codec(x), codec.compress(x)
        assert torch.equal(codec.decompress(**out)["x_hat"], measured["x_hat"].clamp(0, 1))
    assert measured["x_hat"].shape == x.shape
    with pytest.raises(LicError, match="4 times"):
        Interleaved(STF, patch=4)


@pytest.mark.parametrize("icrsa", ["none", "residual", "convolution"])
@pytest.mark.parametrize("model", ["interleaved", "interleaved_tiny"])
def test_icrsa(model: str, icrsa: str) -> None:
    codec = instantiate(compose(f"model=image/{model}", "size=tiny", f"icrsa={icrsa}").model.codec)
    assert len(codec.g_a[1]) == (8 if icrsa == "none" else 12) == len(codec.g_s[0])
