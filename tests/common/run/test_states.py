"""Weights files as people pass them on: other names, other wrappings, no tables; and what does not fit says why."""

from pathlib import Path
from typing import Any

import pytest
import torch
from compressai import models
from support import compose, shaken
from torch import nn

from common.errors import LicError
from common.run.weights import load_weights, network_name, trained_network, weights_file
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.files import ImageFiles

TABLES = ("_quantized_cdf", "_cdf_length", "_offset", "scale_table")


def peer() -> Any:
    model = models.MeanScaleHyperprior(8, 12).eval()
    shaken(model.entropy_bottleneck)
    model.update()
    return model


def published(state: dict[str, Any]) -> dict[str, Any]:
    """The names of CompressAI's published files."""
    for now, then in (("matrices.", "_matrices."), ("biases.", "_biases."), ("factors.", "_factors.")):
        state = {name.replace(f"bottleneck.{now}", f"bottleneck.{then}"): value for name, value in state.items()}
    return state


def older(state: dict[str, Any]) -> dict[str, Any]:
    for now, then in (("matrices.", "_matrix"), ("biases.", "_bias"), ("factors.", "_factor")):
        state = {name.replace(f"bottleneck.{now}", f"bottleneck.{then}"): value for name, value in state.items()}
    return state


def behind(prefix: str, state: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def inside(state: dict[str, Any]) -> dict[str, Any]:
    """As where a part of the network was compiled."""
    return {name.replace("g_a.", "g_a._orig_mod."): value for name, value in state.items()}


def adam(state: dict[str, Any]) -> dict[str, Any]:
    return {"state": {i: {"exp_avg": value} for i, value in enumerate(state.values())}, "param_groups": []}


def same(network: nn.Module, other: nn.Module) -> bool:
    theirs = dict(other.named_parameters())
    return all(torch.equal(p, theirs[name]) for name, p in network.named_parameters())


WRAPPED: dict[str, Any] = {
    "published": published,
    "older": older,
    "compiled": lambda state: behind("_orig_mod.", state),
    "compiled and distributed": lambda state: behind("module._orig_mod.", state),
    "a part compiled": inside,
    "model": lambda state: {"model": state, "optimizer": adam(state), "loss": torch.tensor(1.0)},
    "model_state_dict": lambda state: {"epoch": 3, "optimizer": adam(state), "model_state_dict": state},
    "CompressAI's training script": lambda state: {"epoch": 3, "loss": torch.tensor(1.0), "state_dict": state},
    "Lightning": lambda state: {"state_dict": {**behind("codec._orig_mod.", state), "val_psnr.sum": torch.zeros(1)}},
    "nested": lambda state: {"checkpoint": {"model": behind("module.codec.", published(state))}},
    "without tables": lambda state: {n: v for n, v in state.items() if not n.endswith(TABLES)},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_they_load_into_ours_and_into_compressais(wrapping: str, tmp_path: Path) -> None:
    given = peer()
    torch.save(WRAPPED[wrapping](given.state_dict()), tmp_path / "file.pth")
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for network in (MeanHyperprior(8, 12), models.MeanScaleHyperprior(8, 12)):
        load_weights(network.eval(), str(tmp_path / "file.pth"))
        assert same(network, given)
        out = adopted(network).compress(x)
        decoded = network.decompress(out["strings"], out["shape"])["x_hat"]
        torch.testing.assert_close(decoded, given(x)["x_hat"].clamp(0, 1), rtol=0, atol=1e-5)


def test_averages_are_taken_where_lightning_saved_both(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    averaged, current = (nn.Linear(2, 2) for _ in range(2))
    states = [behind("network.", each.state_dict()) for each in (averaged, current)]
    torch.save({"current_model_state": states[1], "state_dict": states[0]}, tmp_path / "last.ckpt")
    load_weights(taken := nn.Linear(2, 2), tmp_path / "last.ckpt")
    assert torch.equal(taken.weight, averaged.weight) and not caplog.records
    torch.save({"model": states[0], "model_ema": states[1]}, tmp_path / "two.pth")
    load_weights(taken, tmp_path / "two.pth")
    assert torch.equal(taken.weight, averaged.weight) and "'model.network.', 'model_ema.network.'" in caplog.text


def test_a_part_of_a_larger_network_comes_out_of_the_whole(tmp_path: Path) -> None:
    whole = nn.ModuleDict({"intra": MeanHyperprior(8, 12), "residual": nn.Linear(3, 3)})
    torch.save({"state_dict": behind("codec.", whole.state_dict())}, tmp_path / "last.ckpt")
    load_weights(part := MeanHyperprior(8, 12), tmp_path / "last.ckpt")
    assert same(part, whole["intra"])


def test_what_does_not_fit_says_what_to_give(tmp_path: Path) -> None:
    wide = MeanHyperprior(192, 320)
    torch.save({n: p.detach() for n, p in wide.named_parameters()}, tmp_path / "quality7.pth.tar")
    cfg = compose("model=image/mean_hyperprior", root="eval")
    narrow = MeanHyperprior(128, 192)
    with pytest.raises(LicError) as refused:
        load_weights(narrow, tmp_path / "quality7.pth.tar", cfg)
    assert "192x3x5x5 in the file and 128x3x5x5" in str(refused.value)
    assert "it fits with lmbda=0.025 or lmbda=0.0483 or lmbda=0.0932 or lmbda=0.18." in str(refused.value)
    torch.save(models.MeanScaleHyperprior(8, 12).state_dict(), tmp_path / "own.pth")
    with pytest.raises(LicError, match=r"it fits with model\.codec\.N=8 model\.codec\.M=12\.$"):
        load_weights(narrow, tmp_path / "own.pth", cfg)
    with pytest.raises(LicError, match="of a codec lmbda, choose the widths"):
        load_weights(narrow, tmp_path / "own.pth")
    with pytest.raises(LicError, match="holds no weights of a MeanHyperprior"):
        torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
        load_weights(narrow, tmp_path / "other.pth")
    assert network_name(cfg.model) == "codec"


def test_a_mistyped_path_gets_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "lmbda-0.013").mkdir()
    for call in (trained_network, weights_file):
        with pytest.raises(LicError, match=r"Did you mean .*/lmbda-0\.013\?"):
            call(str(tmp_path / "lmda-0.013"))


def test_files_are_coded_with_entropy_models_of_a_users_own(tmp_path: Path) -> None:
    import compressai.entropy_models as theirs

    class Wider(theirs.EntropyBottleneck):
        pass

    codec = models.FactorizedPrior(8, 12).eval()
    codec.entropy_bottleneck = Wider(12)
    files = ImageFiles(codec, "mine")
    picture = torch.randint(0, 255, (20, 30, 3), dtype=torch.uint8).numpy()
    assert files.decode(files.encode(picture)).rgb.shape == (20, 30, 3)


def test_weights_of_a_run_that_do_not_fit_are_told_with_its_system(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("system: hyperprior\n")
    torch.save({"state_dict": {"g_a.0.weight": torch.zeros(2, 3, 5, 5)}}, tmp_path / "weights.ckpt")
    said = rf"the weights in {tmp_path / 'weights.ckpt'}, of a run of hyperprior, do not fit MeanHyperprior: "
    with pytest.raises(LicError, match=said):
        load_weights(MeanHyperprior(8, 12), tmp_path / "weights.ckpt")
    for other in (
        "architecture: mine\n",
        "- a list\n",
        "a: [broken\n",
    ):  # of a file from elsewhere
        (tmp_path / "config.yaml").write_text(other)
        with pytest.raises(LicError, match=r"weights\.ckpt do not fit MeanHyperprior: "):
            load_weights(MeanHyperprior(8, 12), tmp_path / "weights.ckpt")
