"""Lossless, or within a bound: always, at any size, of any picture; and the same parameters on both sides."""

from typing import Any

import numpy as np
import pytest
import torch
from support import assert_files_are_the_forward_pass, textured

from common.capabilities import Adjustable, MovesWithLambda
from common.coding.codec_files import to_input, to_picture
from common.entropy import exact
from common.entropy.container import unpack
from common.errors import LicError, StreamError
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.near_lossless import NearLossless, quantised
from lic_image.codecs.swift import Swift
from lic_image.files import ImageFiles
from lic_image.layers.pixel_mixture import LEAST_SCALE, PixelMixture, likelihood


def codec() -> Any:
    torch.manual_seed(0)
    made = NearLossless(MeanHyperprior(8, 12, start="pyramid"), K=3, hidden=8)
    made.start_from(to_input(textured(128, 128), 64), 0.002)
    with torch.no_grad():  # as after some training, when the last layers are not zero
        for p in made.pixels.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return adopted(made)


@pytest.fixture(scope="module")
def files() -> ImageFiles:
    return ImageFiles(codec(), "near")


def pictures() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "noise": random.integers(0, 256, (17, 33, 3), dtype=np.uint8),
        "extremes": (random.integers(0, 2, (30, 21, 3)) * 255).astype(np.uint8),
        "white": np.full((9, 70, 3), 255, np.uint8),
        "black": np.zeros((1, 1, 3), np.uint8),
        "texture": textured(70, 131),
    }


def test_the_base_moves_to_another_lambda() -> None:
    x = to_input(textured(64, 64), 64)
    moved, started = (NearLossless(Swift(M=24, N=8, Z=4), K=1, hidden=2) for _ in range(2))
    moved.start_from(x, 0.001)
    moved.move(4.0)
    started.start_from(x, 0.004)
    assert isinstance(moved, MovesWithLambda)
    assert torch.allclose(moved.base.log_gain, started.base.log_gain, rtol=1e-5)  # type: ignore[union-attr, arg-type]
    unmoved = codec()
    before = {name: p.clone() for name, p in unmoved.named_parameters()}
    unmoved.move(4.0)  # a base without steps of its own stays as it is
    assert all(torch.equal(p, before[name]) for name, p in unmoved.named_parameters())


@pytest.mark.parametrize("name", pictures())
@pytest.mark.parametrize("bound", [0, 1, 2, 5, 15])
def test_no_pixel_is_further_off_than_the_bound(files: ImageFiles, name: str, bound: int) -> None:
    rgb = pictures()[name]
    data = files.encode(rgb, setting=bound)
    assert unpack(data).header.setting == bound
    decoded = files.decode(data).rgb
    assert np.abs(decoded.astype(int) - rgb).max() <= bound
    assert bound or (decoded == rgb).all()
    with torch.inference_mode(), files.at(bound):
        forward = files.codec(to_input(rgb, files.codec.downsampling))
    assert (to_picture(forward["x_hat"], *rgb.shape[:2]) == decoded).all()


def test_pixels_are_exact_with_and_without_exact(files: ImageFiles) -> None:
    rgb = textured(40, 50)
    data = files.encode(rgb, setting=3)
    assert (files.decode(data).rgb == files.decode(data, exact=True).rgb).all()


def test_a_larger_bound_takes_fewer_bits(files: ImageFiles) -> None:
    sizes = [len(files.encode(textured(96, 96), setting=bound)) for bound in (0, 1, 2, 4, 8)]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < 0.7 * sizes[0]


def test_estimate_and_file_agree() -> None:
    made = codec().eval()
    assert isinstance(made, Adjustable)
    x = to_input(textured(128, 64), 64)
    for bound in (0, 4):
        with made.at(bound):
            assert_files_are_the_forward_pass(made, x, within=0.02)


def test_repeated_rows_and_columns_cost_nothing(files: ImageFiles) -> None:
    """65x65 pixels are padded to 128x128: a file of the 65x65 is not larger than that of 64x64 by its share."""
    rgb = textured(65, 65)
    small, padded = len(files.encode(rgb[:64, :64])), len(files.encode(rgb))
    assert padded < 1.25 * small


def test_bins_by_hand() -> None:
    """Around 100 with bins of 5: 102 is in the bin of 100, 103 in that of 105; at the end 255 is clipped."""
    levels, base = torch.tensor([102.0, 103.0, 90.0, 255.0]), torch.tensor([100.0, 100.0, 100.0, 253.0])
    symbols, middle = quantised(levels, base, torch.tensor(5.0))
    assert symbols.tolist() == [0, 1, -2, 0] and middle.tolist() == [100, 105, 90, 253]
    assert quantised(torch.tensor(255.0), torch.tensor(252.0), torch.tensor(5.0))[1].item() == 255


def test_the_probabilities_of_bins_are_sums_of_those_of_levels() -> None:
    """One Gaussian of mean 0.6 and deviation 4: the bin -2 … 2 has what its five levels have together."""
    levels = torch.arange(-2.0, 3.0, dtype=torch.float64)[:, None]
    one, mean = torch.ones(1, 1, dtype=torch.float64), torch.full((1, 1), 0.6, dtype=torch.float64)
    alone = sum(likelihood(level[None], 4 * one, mean, one, 0).item() for level in levels)
    together = likelihood(torch.zeros(1, 1, dtype=torch.float64), 4 / 5 * one, mean / 5, one, 0).item()
    assert together == pytest.approx(alone, rel=5e-3) and LEAST_SCALE < 0.11


@pytest.mark.parametrize("bin_width", [1, 3])
@pytest.mark.parametrize("hidden", [8, 10])
def test_what_kernels_tell_is_what_the_network_tells(hidden: int, bin_width: int) -> None:
    """In exact arithmetic torch gives the same to the last bit, whatever the order of its sums."""
    torch.manual_seed(0)
    pixels = PixelMixture(K=2, hidden=hidden).eval()
    with torch.no_grad():
        for p in pixels.parameters():
            p.add_(0.1 * torch.randn_like(p))
    random = np.random.default_rng(1)
    base = random.integers(0, 256, (3, 12, 17)).astype(np.int32)
    image = np.clip(base + random.integers(-40, 41, base.shape), 0, 255).astype(np.int32)
    x, b, width = (
        *(torch.from_numpy(a).float()[None] for a in (image, base)),
        torch.full((1, 1, 1, 1), bin_width * 1.0),
    )
    told = pixels.told(image, base, bin_width, (12, 17))
    with torch.inference_mode(), exact.shuffled_sums():
        theirs = exact.run(pixels, x, b, width)
    for mine, other in zip(told, theirs):  # (K, H W 3) and (1, 3, K, H, W)
        assert np.array_equal(mine, other[0].permute(1, 2, 3, 0).reshape(2, -1).numpy())


def test_a_base_whose_synthesis_is_a_method() -> None:
    """`base=swift`: what is decoded is what was coded, and as the forward pass says."""
    torch.manual_seed(0)
    base = Swift(M=24, N=8, Z=4, blocks=1, slices=(3,))
    made = NearLossless(base, K=2, hidden=8)
    made.start_from(to_input(textured(64, 64), 32), 0.002)
    files, rgb = ImageFiles(made, "near"), textured(33, 50)
    for bound in (0, 2):
        decoded = files.decode(files.encode(rgb, setting=bound)).rgb
        assert np.abs(decoded.astype(int) - rgb).max() <= bound
        with torch.inference_mode(), files.at(bound):
            forward = made(to_input(rgb, made.downsampling))
        assert (to_picture(forward["x_hat"], 33, 50) == decoded).all()


def test_damage(files: ImageFiles) -> None:
    """Streams that are damaged below a right check of the file: an error, or never other pixels in silence."""
    rgb = textured(20, 24)
    strings = files.codec.compress(to_input(rgb, 64))
    random = np.random.default_rng(0)
    for _ in range(60):
        stream = bytearray(strings["strings"][0][0])
        stream[int(random.integers(0, len(stream)))] ^= 1 << int(random.integers(0, 8))
        data = files.encode(rgb)
        with pytest.raises(LicError):
            files.decode(_with(data, bytes(stream)))
    with pytest.raises(StreamError):
        files.decode(_with(files.encode(rgb), b""))


def _with(data: bytes, stream: bytes) -> bytes:
    from common.entropy.container import pack

    packet = unpack(data)
    (level,) = packet.levels
    return pack(packet.header, [level._replace(streams=[stream, *level.streams[1:]])])


def test_training_reaches_all_parts() -> None:
    made = codec().train()
    x = to_input(textured(64, 64), 64)
    torch.manual_seed(0)
    out = made(x)
    (sum(-p.log().sum() for p in out["likelihoods"].values()) + out["x_hat"].sum()).backward()
    missing = [name for name, p in made.named_parameters() if p.grad is None and not name.endswith("quantiles")]
    assert not missing
