"""What stands for a classical codec in training: the value is the file's, the gradient an estimate."""

import numpy as np
import pytest
import torch
from support import textured

from common.baselines.codecs import CODECS
from lic_image.codecs.classical import Classical
from lic_image.envelope.stand_in import coefficient_bits, pixels, step

JPEG = next(codec for codec in CODECS if codec.name == "jpeg")


def picture(seed: int, contrast: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rough = rng.normal(0, 40 * contrast, (64, 64, 1))
    return np.clip(textured(64, 64, seed) * 0.5 + 64 + rough, 0, 255).astype(np.uint8)


def tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255


def test_bits_are_those_of_the_file() -> None:
    x = torch.cat([tensor(picture(0)), torch.zeros(1, 3, 64, 64)])
    bits = coefficient_bits(x, torch.tensor([30.0, 30.0]), torch.tensor([12345.0, 800.0]))
    assert bits.shape == (2, 192, 8, 8) and (bits > 0).all()
    assert bits.sum((1, 2, 3)).tolist() == pytest.approx([12345, 800])


def test_one_block_of_a_black_picture_does_not_take_the_whole_file() -> None:
    """Of 3352 bits its mean would take 3269, a probability of 0 also in float64; the gradient stays finite."""
    x = torch.zeros(1, 3, 256, 256)
    x[..., 64:72, 64:72] = 1
    x.requires_grad_()
    out = Classical("jpeg", 30)(x)
    written = 8 * len(Classical("jpeg", 30).compress(x)["strings"][0][0])
    p = out["likelihoods"]["file"]
    assert p.float().min() > torch.finfo(torch.float32).tiny and p.max() <= 1
    bits = -p.log2().sum()
    assert bits.item() == pytest.approx(written, rel=1e-6)
    bits.backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad[..., 64:72, 64:72].abs().sum() > 0


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_the_estimate_grows_as_the_files_do(quality: int) -> None:
    """Before it is scaled: of what is rougher it says more, about in proportion."""
    pictures = [picture(seed, contrast=seed / 4) for seed in range(8)]
    written = [len(JPEG.encode(rgb, quality)) for rgb in pictures]
    estimated = [unscaled(rgb, quality) for rgb in pictures]
    assert np.corrcoef(np.log(estimated), np.log(written))[0, 1] > 0.95


def unscaled(rgb: np.ndarray, quality: int) -> float:
    """The sum of the estimate: the bits of the first block's mean, computed by hand, by their share of that sum."""
    x, told = tensor(rgb), torch.tensor([float(quality)])
    share = coefficient_bits(x, told, torch.tensor([1.0]))[0, 0, 0, 0]
    direct = torch.log2(1 + (x[0, :, :8, :8].sum() / 3**0.5 / 8 / step(told)).square()).double() / 2
    return (direct / share).item()


def test_less_detail_is_what_the_gradient_asks_for() -> None:
    x = tensor(picture(0)).requires_grad_()
    told = torch.tensor([30.0])
    bits = coefficient_bits(x, told, torch.tensor([9000.0]))
    bits.sum().backward()
    assert x.grad is not None
    smoother = (x.detach() - 0.05 * x.grad / x.grad.abs().max()).clamp(0, 1)
    before, after = (
        JPEG.encode((255 * p[0].permute(1, 2, 0)).round().byte().numpy(), 30) for p in (x.detach(), smoother)
    )
    assert len(after) < len(before)


@pytest.mark.parametrize("gradient", ["identity", "dct"])
def test_pixels_are_those_of_the_file(gradient: str) -> None:
    rgb = picture(1)
    decoded, x = tensor(JPEG.decode(JPEG.encode(rgb, 20))), tensor(rgb).requires_grad_()
    out = pixels(x, decoded, torch.tensor([20.0]), gradient)  # type: ignore[arg-type]
    assert torch.allclose(out, decoded, atol=1e-6)
    out.sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    if gradient == "identity":
        assert (x.grad == 1).float().mean() > 0.9  # but for what is outside of 0 to 1


def test_the_step_is_libjpegs() -> None:
    """Twice as large at 25 as at 50, half as large at 75; never 0."""
    ratios = step(torch.tensor([25.0, 50.0, 75.0, 100.0])) / step(torch.tensor([50.0]))
    assert ratios.tolist() == pytest.approx([2, 1, 0.5, 0.02])
