"""Starts of strided transforms by name: a Haar pyramid, or a Karhunen-Loève transform of the first training crops.

    pyramid   each level: the 2x2 Haar transform of every channel, the strongest channels are kept (`pyramid_start`); it
              is a wavelet packet, that of Haar's wavelet
    klt       each level: the eigenvectors of the second moments of all channels' 2x2 blocks together, those of the
              largest eigenvalues are kept; so the first level also decorrelates the colours

Longer wavelets have no place in these transforms: their convolutions pad with zeros, which a filter that reaches
across the border would take for black; and CDF 9/7 needs nine taps where there are five. `swift` starts from it.

Where latents are signs, the strongest coefficients of either get many of them: `start_codebook`.
"""

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.codebook import Codebook
from common.entropy.signs import PLACES, Signs
from common.errors import LicError
from common.layers.pyramid_start import Basis, haar, start_as_pyramid

Start = Literal["random", "pyramid", "klt"]


def known(start: Start) -> Start:
    """`start`, if it is one; LicError otherwise."""
    if start not in get_args(Start):
        raise LicError(f"model.codec.start is {', '.join(get_args(Start))}, not {start}: pyramid is Haar's wavelet.")
    return start


def start_as(start: Start, g_a: nn.Sequential, g_s: nn.Sequential, x: Tensor, step: float, **how: Any) -> Tensor:
    """As `start_as_pyramid`, by the start's name, which is not random."""
    return start_as_pyramid(g_a, g_s, x, step, basis=basis(start), **how)


def basis(start: Start) -> Basis:
    """Of the start's name, which is not random."""
    return {"pyramid": haar, "klt": klt}[start]


@torch.no_grad()
def start_codebook(
    codebook: Codebook, start: Start, g_a: nn.Sequential, g_s: nn.Sequential, x: Tensor, told: bool = False
) -> None:
    """Start the codebook of y = g_a(x), after `start_as`; see `Codebook.start_from`.

    Signs follow each other where the start is a transform, and convolutions get the channels that they tell.
    """
    down = [layer for layer in g_a if isinstance(layer, nn.Conv2d)][-1]
    up = next(layer for layer in g_s if isinstance(layer, nn.ConvTranspose2d))
    coefficients = g_a(x)[:, : 4 * down.in_channels]  # others are none of the transform's
    if start == "random" or not isinstance(codebook, Signs) or PLACES * coefficients.shape[1] < codebook.M:
        codebook.start_from(g_a(x), told)
        return
    source = codebook.follow_strongest(coefficients)
    down.weight.copy_(down.weight[source] * (codebook.place == 0)[:, None, None, None])
    up.weight.copy_(up.weight[source])


def klt(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As a `Basis`: the eigenvectors of the `count` largest second moments of 2x2 blocks of x (B, C, H, W)."""
    blocks = F.pixel_unshuffle(x, 2)
    rows = principal(blocks.transpose(0, 1).flatten(1), count).to(x)
    return rows.reshape(-1, x.shape[1], 2, 2), torch.einsum("kc,bchw->bkhw", rows, blocks) / 2


def principal(samples: Tensor, count: int) -> Tensor:
    """The Karhunen-Loève transform of D numbers, (D, n) of them, as its first `count` rows, float64 (count, D).

    Rows are orthonormal eigenvectors of the second moments, by falling eigenvalue; the largest entry is positive.
    """
    samples = samples.double()
    _, vectors = torch.linalg.eigh(samples @ samples.T / samples.shape[1])
    rows = vectors.T.flip(0)[:count]
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return rows * largest.sign()
