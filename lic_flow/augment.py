"""Training augmentation of flow pairs, on the device (thesis, section 6.1).

Colour jitter of brightness 0.3, contrast 0.3, saturation 0.4 and hue 0.8/pi (KITTI: 0.2, 0.2, 0.3, 0.5/pi), drawn for
each picture of a pair on its own with probability 0.2; scale and stretch with probability 0.9, the scale 2^U(-0.2 or
-0.3, 1 or 2), depending on the set. The thesis gives neither the stretch nor flips; ours are those of RAFT, whose
augmentation it follows: with probability 0.8 another 2^U(-0.2, 0.2) for each axis, flips of 0.5 (left-right) and
0.1 (up-down), a crop anywhere in what the data set delivers (the canvas). The probability 0.9 is that of scale and
stretch alone, as both sources word it.

Both pictures and the flow go through one map, pixel u of the crop showing the canvas at ``origin + u / scale``, so
the flow of the crop is the flow found there times ``scale``, which is negative along a flipped axis. Pixels whose
target leaves the crop stay valid.

Random numbers are drawn on the host, for each sample from (seed, index) alone: a run can be resumed, and a batch can
be split over any number of processes.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from kornia.color import rgb_to_grayscale
from kornia.enhance import adjust_brightness_accumulative, adjust_hue, adjust_saturation_with_gray_subtraction
from torch import Tensor, nn

from common.data.random_streams import Stream, generator
from common.errors import LicError


class Parameters(NamedTuple):
    """What happens to B pairs; ``origin`` and ``scale`` are (horizontal, vertical).

    ``origin``: (B, 2), pixels, where in the canvas the crop's pixel (0, 0) lies. ``scale``: (B, 2), pixels of the
    crop for one of the canvas, negative where flipped. ``colour``: (B, 2, 4), for the first and second picture,
    factors of brightness, contrast and saturation (1 for no change) and a shift of hue in turns. ``own``: bool (B,),
    whether each picture has colours of its own.
    """

    origin: Tensor
    scale: Tensor
    colour: Tensor
    own: Tensor


class FlowAugmentation(nn.Module):
    """Cuts a randomly scaled, stretched, flipped and coloured crop out of each pair of a batch.

    Args:
        crop: (height, width) of what comes out, pixels.
        scale: lowest and highest power of two to scale by. A scale is raised to crop / canvas, on each axis, where
            the crop would not fit into the canvas otherwise.
        spatial: probability of scale and stretch.
        stretch: highest power of two by which an axis is stretched or shrunk further, ``stretch_probability`` of it.
        translation: probability that the crop is anywhere in the canvas instead of in its middle.
        horizontal_flip, vertical_flip: probabilities, left-right and up-down.
        brightness, contrast, saturation: factors lie within so much of 1, as torchvision's ColorJitter has it.
        hue: the shift lies within so many turns of 0, likewise.
        asymmetric: probability that each picture of a pair has colours of its own.

    Raises:
        LicError: a probability or an amount out of its range.
    """

    def __init__(
        self,
        crop: Sequence[int],
        scale: Sequence[float],
        spatial: float = 0.9,
        stretch: float = 0.2,
        stretch_probability: float = 0.8,
        translation: float = 1.0,
        horizontal_flip: float = 0.5,
        vertical_flip: float = 0.1,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.4,
        hue: float = 0.8 / math.pi,
        asymmetric: float = 0.2,
    ) -> None:
        super().__init__()
        self.gates = np.array(
            [spatial, stretch_probability, translation, asymmetric, horizontal_flip, vertical_flip], np.float64
        )
        self.amounts = np.array([brightness, contrast, saturation, hue], np.float64)
        if not ((self.gates >= 0) & (self.gates <= 1)).all():
            raise LicError("a probability of the flow augmentation is not between 0 and 1; correct its configuration.")
        if not ((self.amounts >= 0) & (self.amounts <= [1, 1, 1, 0.5])).all():
            raise LicError(
                "the colour jitter must lie between 0 and 1 for brightness, contrast and saturation, 0 and 0.5 for hue."
            )
        self.low, self.high = scale
        if self.low > self.high or stretch < 0:
            raise LicError(f"the scale range {self.low} to {self.high} is empty or the stretch {stretch} is negative.")
        self.height, self.width = crop
        self.stretch = stretch

    def draw(self, indexes: Tensor, seed: int, canvas_size: tuple[int, int]) -> Parameters:
        """Draws for the samples ``indexes``, (B,), out of canvases of ``canvas_size``, (height, width), pixels.

        Raises:
            LicError: the canvas is smaller than the crop.
        """
        crop, canvas = np.array([self.width, self.height]), np.array(canvas_size[::-1])
        if (crop > canvas).any():
            raise LicError(
                f"pairs of {canvas[1]}x{canvas[0]} pixels are too small for crops of {self.height}x{self.width}; "
                "choose a smaller crop."
            )
        uniform = np.stack([generator(seed, n, Stream.AUGMENTATION).random(19) for n in indexes.tolist()])
        gates, (size, place, aspect, colour) = uniform[:, :6] < self.gates, np.split(uniform[:, 6:], [1, 3, 5], 1)
        spatial, stretched, moved, own = np.split(gates[:, :4], 4, 1)
        flipped = gates[:, 4:]

        power = self.low + (self.high - self.low) * size + stretched * self.stretch * (2 * aspect - 1)
        scale = np.where(spatial, np.maximum(np.exp2(power), crop / canvas), 1.0)
        span = (crop - 1) / scale  # canvas pixels from the crop's first to its last
        room = canvas - 1 - span
        place = np.where(moved, 1 - place, 0.5)  # in (0, 1]
        start = np.where(scale == 1, np.ceil(place * (room + 1)) - 1, place * room)  # whole where nothing else moves
        origin = np.where(flipped, start + span, start)

        factors = np.array([1, 1, 1, 0]) + self.amounts * (2 * colour.reshape(-1, 2, 4) - 1)
        factors[:, 1] = np.where(own, factors[:, 1], factors[:, 0])
        signed = np.where(flipped, -scale, scale)
        floats = [torch.from_numpy(values.astype(np.float32)) for values in (origin, signed, factors)]
        return Parameters(floats[0], floats[1], floats[2], torch.from_numpy(own[:, 0].copy()))

    @torch.no_grad()
    def forward(self, batch: dict[str, Tensor], parameters: Parameters) -> dict[str, Tensor]:
        """Augments pairs as drawn.

        Args:
            batch: "first", "second" uint8 (B, 3, Hc, Wc); "flow" (B, 2, Hc, Wc), pixels; "valid" bool (B, Hc, Wc).
            parameters: of these samples and canvas size.

        Returns:
            "first", "second": float32 (B, 3, h, w) in [0, 1]; "flow": float32 (B, 2, h, w), pixels; "valid": bool
            (B, h, w).
        """
        origin, scale, colour, own = (p.to(batch["flow"].device, non_blocking=True) for p in parameters)
        first, second, flow, valid = resample(batch, origin, scale, (self.height, self.width))
        if self.amounts.any():
            first, second = jitter(torch.stack([first, second]), colour.transpose(0, 1), own)
        return {"first": first, "second": second, "flow": flow, "valid": valid}


def resample(
    batch: dict[str, Tensor], origin: Tensor, scale: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First and second picture, flow and validity of ``size``, pixel u of which is at ``origin + u / scale``.

    Between pixels, pictures are interpolated bilinearly. So is the flow where all four pixels around are known; where
    one is unknown, the nearest counts alone, be it known or not. This one rule serves dense and sparse ground truth:
    no value is ever mixed with an unknown one, and the share of known pixels remains. At whole pixels nothing is
    interpolated, so that crops and flips are exact.
    """
    parts = [batch["first"], batch["second"], batch["flow"], ~batch["valid"][:, None]]
    canvas = torch.cat([part.float() for part in parts], 1)
    height, width = canvas.shape[-2:]
    u, v = (torch.arange(n, dtype=torch.float32, device=canvas.device) for n in reversed(size))
    x = (origin[:, :1] + u / scale[:, :1]).clamp(0, width - 1)[:, None, :]
    y = (origin[:, 1:] + v / scale[:, 1:]).clamp(0, height - 1)[:, :, None]

    column, row = x.round(), y.round()
    pixel = (row.long() * width + column.long()).flatten(1)[:, None].expand(-1, canvas.shape[1], -1)
    nearest = canvas.flatten(2).gather(2, pixel).unflatten(2, size)
    grid = torch.stack(torch.broadcast_tensors(2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), -1)
    bilinear = F.grid_sample(canvas, grid, padding_mode="border", align_corners=True)

    between = ((x != column) | (y != row))[:, None]
    pictures = torch.where(between, bilinear[:, :6], nearest[:, :6]) / 255
    known = bilinear[:, 8:] == 0
    flow = torch.where(between & known, bilinear[:, 6:8], nearest[:, 6:8]) * scale[:, :, None, None]
    return pictures[:, :3], pictures[:, 3:], flow, nearest[:, 8] == 0


def jitter(pictures: Tensor, factors: Tensor, own: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, in this order, each as torchvision's ColorJitter understands it.

    The order is fixed: one drawn for a batch would depend on how batches are split, and one for each sample would
    cost four times as much. Pairs with the same factors have one mean to change their contrast about, so that what
    looks alike in both pictures still does.

    Args:
        pictures: (2, B, 3, h, w) in [0, 1].
        factors: (2, B, 4), see ``Parameters.colour``.
        own: bool (B,), see ``Parameters``.
    """
    brightness, contrast, saturation, hue = factors.flatten(0, 1).unbind(-1)
    x = adjust_brightness_accumulative(pictures.flatten(0, 1), brightness)
    means = rgb_to_grayscale(x).mean((-3, -2, -1)).unflatten(0, (2, -1))
    means = torch.where(own, means, means.mean(0)).flatten()
    x = torch.lerp(means[:, None, None, None], x, contrast[:, None, None, None]).clamp(0, 1)
    x = adjust_saturation_with_gray_subtraction(x, saturation)
    return adjust_hue(x, 2 * math.pi * hue).unflatten(0, (2, -1))
