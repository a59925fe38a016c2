"""What tells the probabilities of a picture's pixels from decoded neighbours: a small network around a predictor.

    neighbours (12 of each colour) ┐ minus JPEG-LS's prediction,
    base, where it is and around   ┴ over the activity ─────┬─ 1x1 ─ 1x1 ─ 1x1 ─ K Gaussians of this pixel's colour
    this pixel's colours that are decoded already, likewise ┘

Everything learned is relative to what classical coders know. The median of W, N and W + N - NW predicts each colour (M.
Weinberger, G. Seroussi, G. Sapiro: "The LOCO-I lossless image compression algorithm", IEEE TIP 2000). The activity is 1
plus the mean of the neighbours' absolute differences to it, and tells the scale of what is left (X. Wu, N. Memon:
"Context-based, adaptive, lossless image coding", IEEE Trans. Communications 1997). So the network sees a neighbourhood
of which level and contrast are taken out. It starts at the predictor: the first colour's means are its prediction
± the activity; the other colours' move with the error of the first, as G, R and B do in photographs.

Colours are coded in the order G, R, B, each of them seen by the next; means also move linearly with their errors (T.
Salimans et al., PixelCNN++, ICLR 2017).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.exact.sums import weights_of
from common.entropy.exact.threads import in_parts
from common.entropy.streams import Reader
from lic_image.layers import pixel_kernels as kernels
from lic_image.layers.pixel_kernels import ACTIVITIES, AROUND, BORDER, COLOURS, LEAST_LOG, MOST_LOG, NEAR, SHARED, STEP

ORDER = [1, 0, 2]  # of R, G, B
LEAST_SCALE = 0.109375  # that the coder has
SLOT = 2.0**-16


class Net(NamedTuple):
    """Weights of three layers for each colour, as integers: (3, inputs, outputs), biases (3, outputs), units (3, 3)."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray
    units: np.ndarray


class PixelMixture(nn.Module):
    """Args: K Gaussians for each value; `hidden`: width of the network of each colour."""

    def __init__(self, K: int = 3, hidden: int = 32) -> None:
        super().__init__()
        self.K = K
        self.nets = nn.ModuleList(self._net(c, K, hidden) for c in range(COLOURS))

    @staticmethod
    def _net(colour: int, K: int, hidden: int) -> nn.Sequential:
        last = nn.Conv2d(hidden, 3 * K + colour, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            last.bias[K : 2 * K] = torch.linspace(-1, 1, K) if K > 1 else 0.0  # type: ignore[index]
            last.bias[3 * K :] = 1 / max(colour, 1)  # type: ignore[index]
        slope = kernels.SLOPE
        enter, middle = nn.Conv2d(SHARED + colour, hidden, 1), nn.Conv2d(hidden, hidden, 1)
        return nn.Sequential(enter, nn.LeakyReLU(slope), middle, nn.LeakyReLU(slope), last)

    def forward(self, image: Tensor, base: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scales, means and weights of every value, (B, 3, K, H, W) each, in units of a bin.

        Args:
            image: what is decoded, whole numbers (B, 3, H, W) in coding order. Every pixel's parameters depend on
                those before it in raster order, and on its own colours that come earlier.
            base: (B, 3, H, W), whole numbers likewise.
            width: of a bin, (B, 1, 1, 1).
        """
        predicted, near, around = self._differences(image, base)
        activity = near.abs().sum((1, 2)).unsqueeze(1) / (COLOURS * len(NEAR)) + 1.0
        inputs = [part.flatten(1, 2) / activity for part in (near, around)]
        inputs += [activity / (activity + level) for level in ACTIVITIES.tolist()]
        inputs += [(1.0 / width).expand_as(activity), width / (width + activity)]
        errors, K = image - predicted, self.K
        told: list[tuple[Tensor, Tensor, Tensor]] = []
        for c, net in enumerate(self.nets):
            out = net(torch.cat([*inputs, errors[:, :c] / activity], 1))
            centre = (predicted - base)[:, c : c + 1]
            for e in range(c):
                centre = centre + out[:, 3 * K + e, None] * errors[:, e : e + 1]
            logs = out[:, K : 3 * K].clamp(LEAST_LOG, MOST_LOG).exp()
            means = (centre + activity * out[:, :K]) / width
            told.append((activity * logs[:, :K] / width, means, logs[:, K:]))
        scales, means, weights = (torch.stack(parts, 1) for parts in zip(*told))
        return scales, means, weights

    @staticmethod
    def _differences(image: Tensor, base: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The prediction (B, 3, H, W); what neighbours and base differ from it by, (B, 3, taps, H, W)."""
        h, w = image.shape[2:]
        wide = F.pad(base, (BORDER,) * 4, mode="replicate")
        decoded = wide.clone()
        decoded[:, :, BORDER : BORDER + h, BORDER : BORDER + w] = image

        def seen(of: Tensor, i: int, j: int) -> Tensor:
            return of[:, :, BORDER + i : BORDER + i + h, BORDER + j : BORDER + j + w]

        west, north = seen(decoded, 0, -1), seen(decoded, -1, 0)
        low, high = torch.minimum(west, north), torch.maximum(west, north)
        predicted = torch.maximum(low, torch.minimum(high, west + north - seen(decoded, -1, -1)))
        near = torch.stack([seen(decoded, *tap) - predicted for tap in NEAR.tolist()], 2)
        around = torch.stack([seen(wide, *tap) - predicted for tap in AROUND.tolist()], 2)
        return predicted, near, around

    def told(self, image: np.ndarray, base: np.ndarray, width: int, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
        """What `forward` gives of the first (h, w) pixels of one picture, in exact arithmetic: float32 (K, h w 3) each.

        Args:
            image, base: int32 (3, H, W); the symbols are pixel by pixel, the colours of each one together.
            width: of a bin.
            size: (h, w); what is beyond does not count.
        """
        wide = bordered(base)
        decoded = wide.copy()
        inside = (slice(None), slice(BORDER, BORDER + size[0]), slice(BORDER, BORDER + size[1]))
        decoded[inside] = image[:, : size[0], : size[1]]
        told = tuple(np.empty((self.K, COLOURS * size[0] * size[1]), np.float32) for _ in range(3))
        net = self._integers()
        in_parts(
            told[0].size * len(net.second[0]),
            size[0],
            lambda a, b: kernels.tell(decoded, wide, float(width), tuple(net), size, a, b, *told),
        )
        return told

    def read(self, stream: bytes, base: np.ndarray, width: int, size: tuple[int, int]) -> np.ndarray:
        """The first (h, w) pixels of the picture in `stream`, int32 (3, h, w); elsewhere nothing is coded.

        Raises:
            StreamError: it is not a stream of so many pixels with these parameters.
        """
        wide = bordered(base)
        decoded, reader = wide.copy(), Reader(stream)
        symbols = np.empty(COLOURS * size[0] * size[1], np.int32)
        net = tuple(self._integers())
        status = kernels.read(reader.words, reader.state, decoded, wide, float(width), net, size, symbols)
        reader.took(status, symbols)
        reader.finish()
        return decoded[:, BORDER : BORDER + size[0], BORDER : BORDER + size[1]]

    def _integers(self) -> Net:
        """The network for the kernels, outputs last, inputs padded with zeros."""
        layers: list[np.ndarray] = []
        units = np.empty((COLOURS, 3))
        for place in range(3):
            convolutions = [net[2 * place] for net in self.nets]  # type: ignore[index]
            found = [weights_of(layer.weight, layer.bias) for layer in convolutions]
            inputs, outputs = (max(each.weight.shape[dim] for each in found) for dim in (1, 0))
            weights = np.zeros((COLOURS, -(-inputs // STEP) * STEP, outputs))
            biases = np.zeros((COLOURS, outputs))
            for c, each in enumerate(found):
                rows = each.weight.flatten(1).T.cpu().numpy()
                weights[c, : rows.shape[0], : rows.shape[1]] = rows
                assert each.bias is not None
                biases[c, : rows.shape[1]] = each.bias.cpu().numpy()
                units[c, place] = 2.0 ** -(each.grid.a + each.grid.w)
            layers += [weights, biases]
        return Net._make([*layers, units])


def likelihood(symbols: Tensor, scales: Tensor, means: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Probabilities of `symbols` under mixtures whose components are along `dim`, as `common.entropy.mixture` codes.

    The symbols broadcast to the components. A mixture's window has one of 2^16 slots for each symbol in it, which all
    others of its probability go without.
    """
    scales = scales.clamp_min(LEAST_SCALE)
    distance = (symbols - means).abs()
    inside = _below((0.5 - distance) / scales) - _below((-0.5 - distance) / scales)
    mixed = (weights * inside).sum(dim) / weights.sum(dim)
    with torch.no_grad():
        window = ((means + 4.5 * scales).amax(dim) - (means - 4.5 * scales).amin(dim) + 3).clamp_max(4096)
    return mixed * (1 - window * SLOT) + SLOT


def _below(x: Tensor) -> Tensor:
    """The standard normal distribution's mass below x."""
    return 0.5 * torch.erfc(x * -math.sqrt(0.5))


def bordered(picture: np.ndarray) -> np.ndarray:
    """int32 (3, H, W) with `BORDER` pixels around, like the nearest ones."""
    return np.pad(picture.astype(np.int32), ((0, 0), (BORDER, BORDER), (BORDER, BORDER)), mode="edge")
