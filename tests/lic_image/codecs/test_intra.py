"""intra: what is decoded is the forward pass, training is what evaluation does, damage is found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support import assert_damage_is_found, textured

from benchmarks.prediction_gain import errors_of, gains
from common.coding.codec_files import to_input, to_picture
from common.data.image_io import write_picture
from common.errors import LicError
from lic_image.codecs.intra import Intra
from lic_image.files import ImageFiles
from lic_image.layers.intra_modes import MODES
from lic_image.layers.intra_networks import Convolutional, FullyConnected

NETWORKS: dict[str, Callable[[], torch.nn.Module] | None] = {
    "none": None,
    "fully_connected": lambda: FullyConnected(16, 1),
    "convolutional": lambda: Convolutional(4),
}


def started(name: str) -> Intra:
    torch.manual_seed(0)
    codec = Intra(M=48, N=16, Z=4, network=NETWORKS[name])
    codec.start_from(to_input(textured(64, 64), 32), 0.013)
    if codec.network is not None:
        for parameter in codec.network.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    return codec.eval()


@pytest.mark.parametrize("size", [(1, 1), (33, 70)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_files_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    codec, rgb = started(name), textured(*size, seed=1)
    files = ImageFiles(codec, "test")
    with torch.inference_mode():
        forward = codec(to_input(rgb, 32))["x_hat"]
    assert np.array_equal(files.decode(files.encode(rgb)).rgb, to_picture(forward, *size))


@pytest.mark.parametrize("name", ["fully_connected", "convolutional"])
def test_training_decodes_what_evaluation_does(name: str) -> None:
    codec, x = started(name), to_input(textured(64, 96), 32)
    with torch.no_grad():
        evaluated, modes = codec(x)["x_hat"], codec._encoded(x)[1]
        assert torch.equal(codec.train()._encoded(x)[1], modes) and (modes == len(MODES)).any(), "the network is chosen"
    trained = codec(x)
    assert torch.allclose(trained["x_hat"], evaluated, atol=1e-5)
    sum(trained["losses"].values()).backward()
    assert codec.network is not None and all(p.grad is not None for p in codec.network.parameters())


def test_only_the_networks_own_loss_is_of_masked_contexts() -> None:
    codec, x = started("convolutional").train(), to_input(textured(64, 96), 32)
    torch.manual_seed(1)
    first = codec(x)
    second = codec(x)
    assert torch.equal(first["x_hat"], second["x_hat"])
    assert first["losses"]["prediction"] != second["losses"]["prediction"]
    unmasked = started("fully_connected").train()
    assert unmasked(x)["losses"] == unmasked(x)["losses"]


def test_prediction_errors_are_those_of_what_training_predicts() -> None:
    codec, x = started("fully_connected"), to_input(textured(64, 96), 32)
    errors, chosen = codec.prediction_errors(x)
    assert list(errors) == [*MODES, "network"] and chosen.shape == errors["dc"].shape == (8 * 12,)
    grey = x.new_full((3, 8, 8), 0.5)  # the first block has no neighbours, so that DC is mid-grey
    assert errors["dc"][0].item() == pytest.approx((x[0, :, :8, :8] - grey).square().sum().item(), rel=1e-4)
    told = codec.train()(x)["losses"]["prediction"]
    assert told > 0 and not torch.allclose(errors["planar"], errors["network"])


def test_gains_by_hand() -> None:
    found = gains({"dc": 8.0, "planar": 4.0, "network": 2.0, "best classical": 2.0, "all": 1.0, "chosen": 1.6})
    assert found["network"] == pytest.approx({"dc": 6.0206, "planar": 3.0103, "best classical": 0.0})
    assert found["dc"]["planar"] == pytest.approx(-3.0103)


def test_gains_of_a_photograph(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", textured(64, 70))
    errors, networks = errors_of(started("fully_connected"), [tmp_path / "a.png"])
    assert errors["all"] <= errors["best classical"] <= min(errors[mode] for mode in MODES) + 1e-6
    assert errors["all"] <= errors["chosen"] <= max(errors.values()) and 0 <= networks <= 1
    with_none, never = errors_of(started("none"), [tmp_path / "a.png"])
    assert "network" not in with_none and never == 0


def test_damaged_files_end_in_an_error_or_in_the_right_pixels() -> None:
    assert_damage_is_found(ImageFiles(started("none"), "test"), textured(32, 64), cases=30, least=20)


def test_no_such_mode_is_one_sentence() -> None:
    with pytest.raises(LicError, match="no intra mode diagonal"):
        Intra(modes=["diagonal"])
    with pytest.raises(LicError, match="nothing to predict with"):
        Intra(modes=[])
