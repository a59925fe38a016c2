"""intra: what is decoded is the forward pass, training is what evaluation does, damage is found."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support import assert_damage_is_found, textured

from common.coding.codec_files import to_input, to_picture
from common.errors import LicError
from lic_image.codecs.intra import Intra
from lic_image.files import ImageFiles
from lic_image.layers.intra_modes import mode_matrix
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


def test_modes_predict_a_constant() -> None:
    assert torch.allclose(mode_matrix().sum(-1), torch.ones(9, 64))


@pytest.mark.parametrize("size", [(1, 1), (33, 70)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_files_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    codec, rgb = started(name), textured(*size, seed=1)
    files = ImageFiles(codec, "test")
    with torch.inference_mode():
        forward = codec(to_input(rgb, 32))["x_hat"]
    assert np.array_equal(files.decode(files.encode(rgb)).rgb, to_picture(forward, *size))


def test_training_decodes_what_evaluation_does() -> None:
    codec, x = started("fully_connected"), to_input(textured(64, 96), 32)
    with torch.no_grad():
        evaluated = codec(x)["x_hat"]
    trained = codec.train()(x)
    assert torch.allclose(trained["x_hat"], evaluated, atol=1e-5)
    sum(trained["losses"].values()).backward()
    assert codec.network is not None and all(p.grad is not None for p in codec.network.parameters())


def test_damaged_files_end_in_an_error_or_in_the_right_pixels() -> None:
    assert_damage_is_found(ImageFiles(started("none"), "test"), textured(32, 64), cases=30, least=20)


def test_no_such_mode_is_one_sentence() -> None:
    with pytest.raises(LicError, match="no intra mode diagonal"):
        Intra(modes=["diagonal"])
    with pytest.raises(LicError, match="nothing to predict with"):
        Intra(modes=[])
