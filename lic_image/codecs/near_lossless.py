"""`near_lossless`: a lossy base, and what it leaves of every pixel, to the last level or within a bound. Ours.

    x ─ base codec ─ base picture b, whole numbers ──┬────────────────────────── x_hat = clip(b + (2 τ + 1) k, 0, 255)
    │                                                │
    └────── k = round((x - b) / (2 τ + 1)) ──────────┴─ k | b and the pixels before it: a mixture of Gaussians

Bins of 2 τ + 1 levels keep every pixel within τ levels: Y. Bai, X. Liu, W. Zuo, Y. Wang, X. Ji: "Learning scalable
l∞-constrained near-lossless image compression via joint lossy image and residual compression", CVPR 2021. As there, one
network serves every τ: a bin's probability is the sum of those of the levels in it. What is ours is `PixelMixture`,
which tells the mixtures pixel by pixel.

All that a decoder depends on is exact (`common.entropy.exact`), the base picture included. So a file decodes to the
same pixels on every machine.

Of pictures that were padded by repeating their last row and column, as `lic_image.files` does, what repeats is not
coded: two bytes tell how much it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from compressai.models import CompressionModel
from torch import Tensor

from common.capabilities import MovesWithLambda, Setting, StartsFromData
from common.entropy import exact, mixture
from common.entropy.rules import rules
from common.errors import StreamError
from common.randomness import rand_for_batch
from lic_image.codecs.compressai_zoo import adopted
from lic_image.layers.pixel_mixture import ORDER, PixelMixture, likelihood

LOSSLESS = 0.5  # of the training pictures; the others have another bound, each as often


class NearLossless(CompressionModel):
    """The codec; its setting is the bound τ, 0 for lossless.

    In training x_hat is the base's picture, so that the loss's λ weighs the base's distortion, and the bits are those
    of the base and of the residual together. In evaluation x_hat is what is decoded.

    Args:
        base: any codec with CompressAI's conventions whose parameters and synthesis have an exact form.
        K: Gaussians in the mixture of each pixel.
        hidden: width of the network that tells them, for each colour.
    """

    setting = Setting("max_error", least=0, most=15, default=0, curve=(8, 6, 4, 3, 2, 1, 0))
    parameter_networks: tuple[str, ...] = ()
    synthesis_networks: tuple[str, ...] = ()  # of base: `adopted` sees to them

    def __init__(self, base: CompressionModel, K: int = 3, hidden: int = 32) -> None:
        super().__init__()
        self.base = adopted(base)
        self.pixels = PixelMixture(K, hidden)
        self._bin = 2 * self.setting.default + 1

    @property
    def downsampling(self) -> int:
        return int(self.base.downsampling)

    @contextmanager
    def at(self, value: int) -> Iterator[None]:
        """Inside, no pixel is decoded to more than `value` levels of 255 from what it was."""
        before, self._bin = self._bin, 2 * value + 1
        try:
            yield
        finally:
            self._bin = before

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Start the base from data, if it does so."""
        if isinstance(self.base, StartsFromData):
            self.base.start_from(x, lmbda)

    def move(self, ratio: float) -> None:
        """Move the base to `ratio`·λ, if it can; the pixels' mixtures depend on no λ."""
        if isinstance(self.base, MovesWithLambda):
            self.base.move(ratio)

    def forward(self, x: Tensor) -> dict[str, Any]:
        if self.training:
            out, bins = self.base(x), self._drawn_bins(x)
        elif not rules().exact:  # shapes alone are asked for
            out, bins = self.base(x), x.new_full((len(x), 1, 1, 1), float(self._bin))
        else:
            with exact.everywhere():
                out = self.base(x)
            return self._measured(x, out)
        levels = 255 * x[:, ORDER]
        rounded, base = levels.round(), _levels(out["x_hat"].float())
        symbols, image = quantised(rounded, base.detach(), bins)
        shift = (base.detach() - base) / bins  # k moves with the base: b's gradient is that of the prediction alone
        scales, means, weights = self.pixels(image, base, bins)
        found = likelihood((symbols + shift).unsqueeze(2), scales, means, weights, 2)
        return {**out, "likelihoods": {**out["likelihoods"], "residual": found}}

    def _drawn_bins(self, x: Tensor) -> Tensor:
        """A bin's width for every picture of a training batch, (B, 1, 1, 1)."""
        drawn = rand_for_batch((len(x), 1, 1, 1), x.device, torch.float32)
        other = (drawn - LOSSLESS) / (1 - LOSSLESS) * self.setting.most
        return torch.where(drawn < LOSSLESS, 1.0, 2 * other.ceil().clamp_min(1) + 1)

    def _measured(self, x: Tensor, out: dict[str, Any]) -> dict[str, Any]:
        """The evaluation forward pass, from the base's: what is written, measured by what it is written with."""
        found, images = [], []
        for levels, base in zip(_whole(x), _whole(out["x_hat"].float())):
            size, symbols, image = self._coded(levels, base)
            told = self.pixels.told(image, base, self._bin, size)
            k, scales, means, weights = (torch.from_numpy(a.astype(np.float64)) for a in (symbols, *told))
            p = likelihood(k, scales, means, weights, 0).float()
            whole = torch.ones(levels.shape)
            whole[:, : size[0], : size[1]] = p.reshape(*size, len(levels)).permute(2, 0, 1)
            found.append(whole)
            images.append(image)
        likelihoods = {**out["likelihoods"], "residual": torch.stack(found).to(x.device)}
        return {"x_hat": _picture(images, x), "likelihoods": likelihoods}

    def compress(self, x: Tensor) -> dict[str, Any]:
        out = self.base.compress(x)
        streams = []
        for levels, base in zip(_whole(x), self._base_picture(out["strings"], out["shape"])):
            size, symbols, image = self._coded(levels, base)
            told = self.pixels.told(image, base, self._bin, size)
            repeated = bytes(whole - coded for whole, coded in zip(levels.shape[1:], size))
            streams.append(repeated + mixture.encode(symbols, *told))
        return {"strings": [streams, *out["strings"]], "shape": out["shape"]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        """Raises `StreamError` for damaged strings."""
        if len(strings) < 2:
            raise StreamError(f"a picture holds {len(strings)} streams, where this codec writes more.")
        bases = self._base_picture(strings[1:], shape)
        images = []
        for stream, base in zip(strings[0], bases):
            repeated = stream[:2]
            if len(repeated) < 2 or max(repeated) >= self.downsampling:
                raise StreamError("The stream of a picture's pixels does not say how many they are: it is damaged.")
            size = (base.shape[1] - repeated[0], base.shape[2] - repeated[1])
            images.append(_extended(self.pixels.read(stream[2:], base, self._bin, size), base.shape))
        return {"x_hat": _picture(images, next(self.parameters()))}

    def _base_picture(self, strings: list[list[bytes]], shape: Sequence[int]) -> list[np.ndarray]:
        """The base's pictures, the same on every machine: int32 (3, H, W) in coding order."""
        with exact.everywhere():
            return _whole(self.base.decompress(strings, shape)["x_hat"])

    def _coded(self, levels: np.ndarray, base: np.ndarray) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
        """How many rows and columns are coded; their symbols, int32 (h w 3,); all of the decoded picture (3, H, W)."""
        size = _coded_size(levels, self.downsampling - 1)
        whole, around = (torch.from_numpy(a[:, : size[0], : size[1]]).double() for a in (levels, base))
        found = quantised(whole, around, torch.tensor(float(self._bin)))
        symbols, image = (a.numpy().astype(np.int32) for a in found)
        return size, symbols.transpose(1, 2, 0).reshape(-1), _extended(image, levels.shape)


def quantised(levels: Tensor, base: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
    """Which bin around `base` every one of `levels` is in, and the middle of it, between 0 and 255; whole numbers."""
    symbols = ((levels - base) / bins).round()  # bins have odd widths: there are no halves
    return symbols, (base + symbols * bins).clamp(0, 255)


def _levels(x_hat: Tensor) -> Tensor:
    """A picture in [0, 1] in whole levels and coding order, with the gradient of x_hat where that is inside."""
    levels = 255 * x_hat[:, ORDER].clamp(0, 1)
    return levels + (levels.round() - levels).detach()


def _whole(x: Tensor) -> list[np.ndarray]:
    """Pictures (B, 3, H, W) in [0, 1] -> of each int32 (3, H, W), levels in coding order."""
    return [*(255 * x[:, ORDER].clamp(0, 1)).round().int().cpu().numpy()]


def _picture(images: Sequence[np.ndarray], like: Tensor) -> Tensor:
    """The inverse of `_whole`."""
    stacked = torch.from_numpy(np.stack(images)).to(like.device)
    return (stacked[:, [ORDER.index(c) for c in range(len(ORDER))]].float() / 255).contiguous()


def _coded_size(levels: np.ndarray, most: int) -> tuple[int, int]:
    """Rows and columns of (3, H, W) before those at its ends that repeat the one before, `most` of them at most."""
    columns = _without_repeats(levels.transpose(2, 0, 1), most)
    return _without_repeats(levels[:, :, :columns].transpose(1, 0, 2), most), columns


def _without_repeats(lines: np.ndarray, most: int) -> int:
    count = len(lines)
    while count > max(len(lines) - most, 1) and np.array_equal(lines[count - 1], lines[count - 2]):
        count -= 1
    return count


def _extended(image: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """(3, h, w) -> `shape`, (3, H, W), by repeating its last row and column."""
    return np.pad(image, [(0, whole - known) for whole, known in zip(shape, image.shape)], mode="edge")
