"""The order in which a latent is coded, said once: `walk` describes it, and visitors do what is to be done.

    def walk(self, z_hat, visit):                    # of a codec, or of what codes a latent within one
        side = self.h_s(z_hat)
        first = visit(*told(side), positions=even) * even
        return first + visit(*told(side, first), positions=~even) * ~even

`walk` goes through the latent y part by part, tells each part's distribution and is handed what the decoder will have
of it. Three visitors take part: `Likelihoods` measures, `Writer` writes, `Reader` reads. As all three see the same
description, they cannot disagree. Whatever `walk` computes from decoded values must be exact (`common.entropy.exact`).

A part is a slice of channels, at some positions or at all; slices of channels (D. Minnen, S. Singh, ICIP 2020),
checkerboards (D. He et al., CVPR 2021) and multistage phases (`phases`) are loops over parts. Raster order, one
position after the other, is `common.entropy.raster`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from common.entropy.codebook import Codebook, CodebookReader, CodebookWriter
from common.entropy.mixture_packet import MixtureReader, MixtureWriter
from common.entropy.models import EntropyBottleneck, GaussianConditional, GaussianMixtureConditional
from common.entropy.packet import PacketReader, PacketWriter, stack
from common.errors import StreamError

EVERYTHING = slice(None)


class Visitor:
    """What `walk` is handed.

    `size` is the latent's height and width. `known` is the rounded latent (B, M, h, w), where the visitor has it
    before it is coded: a codec whose parameters depend on neighbours can then tell all of them in one pass.
    """

    size: tuple[int, int]
    known: Tensor | None = None

    def __call__(
        self,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        channels: slice = EVERYTHING,
        positions: Tensor | None = None,
    ) -> Tensor:
        """The part's y_hat, (B, C, h, w).

        Args:
            scales, means: of the part's Gaussians, (B, C, h, w); (B, K C, h, w) and `weights` of mixtures.
            channels: of y.
            positions: bool (h, w), or None for all. Elsewhere the result has no meaning.
        """
        raise NotImplementedError


class Likelihoods(Visitor):
    """Measures y (B, M, h, w) under its Gaussians, quantised in training as the model says.

    The model, here and below, is a `GaussianConditional` or a `Codebook`.
    """

    def __init__(self, model: Any, y: Tensor) -> None:
        self._model, self._y = model, y
        self._found: dict[tuple[Any, Any], Tensor] = {}
        self.size = (y.shape[2], y.shape[3])

    def __call__(
        self,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        channels: slice = EVERYTHING,
        positions: Tensor | None = None,
    ) -> Tensor:
        y = self._y[:, channels]
        y_hat, found = self._model(y, *(p for p in (scales, means, weights) if p is not None))
        if positions is not None:
            found = torch.where(positions, found, 1.0)
        key = (channels.start, channels.stop)
        self._found[key] = self._found[key] * found if key in self._found else found
        return y_hat

    def all(self) -> Tensor:
        """The likelihoods of y, of its shape."""
        parts = list(self._found.values())
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class Writer(Visitor):
    """Writes y (B, M, h, w), each image into a writer of its own."""

    def __init__(self, model: Any, y: Tensor, writers: Sequence[Any]) -> None:
        self._model, self._y, self._writers = model, y, writers
        self.size = (y.shape[2], y.shape[3])

    def __call__(
        self,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        channels: slice = EVERYTHING,
        positions: Tensor | None = None,
    ) -> Tensor:
        model, y = self._model, self._y[:, channels]
        told = [_image(i, scales, means, weights) for i in range(len(y))]
        return torch.cat([w.gaussians(model, y[i : i + 1], *told[i], positions) for i, w in enumerate(self._writers)])


class Reader(Visitor):
    """Reads a latent of height and width `size`, each image from a reader of its own."""

    def __init__(
        self,
        model: Any,
        size: tuple[int, int],
        readers: Sequence[Any],
    ) -> None:
        self._model, self._readers = model, readers
        self.size = size

    def __call__(
        self,
        scales: Tensor,
        means: Tensor | None = None,
        weights: Tensor | None = None,
        channels: slice = EVERYTHING,
        positions: Tensor | None = None,
    ) -> Tensor:
        told = [_image(i, scales, means, weights) for i in range(len(scales))]
        return torch.cat([r.gaussians(self._model, *told[i], positions) for i, r in enumerate(self._readers)])


Told = tuple[Tensor, Tensor | None, Tensor | None]


def _image(i: int, scales: Tensor, means: Tensor | None, weights: Tensor | None) -> Told:
    """Those of image number i, (1, …) each."""
    of_means, of_weights = (None if p is None else p[i : i + 1] for p in (means, weights))
    return scales[i : i + 1], of_means, of_weights


def phases(h: int, w: int, count: int, device: torch.device | str = "cpu") -> list[Tensor]:
    """Masks, bool (h, w), of `count` phases: 2 is the checkerboard, even positions first; 4 the places in 2x2 blocks.

    Of four, the phases that lie on a diagonal come one after the other: (0, 0), (1, 1), (0, 1), (1, 0).
    """
    row, column = torch.arange(h, device=device)[:, None], torch.arange(w, device=device)
    if count == 2:
        even = (row + column) % 2 == 0
        return [even, ~even]
    if count == 4:
        return [(row % 2 == i) & (column % 2 == j) for i, j in ((0, 0), (1, 1), (0, 1), (1, 0))]
    raise ValueError(f"phases are 2 or 4, not {count}")


class WalkedLatents:
    """A latent y with side information z, coded in the order of `walk`: what image, motion and residual codecs share.

    To be mixed into a module, which has the two entropy models, `hyper_analysis(y) -> z` and `walk(z_hat, visit) ->
    y_hat`. z is as large as y's `hyper_step`-th part, rounded up.
    """

    training: bool
    entropy_bottleneck: EntropyBottleneck
    gaussian_conditional: Any  # a GaussianConditional or a Codebook
    parameter_networks: tuple[str, ...] = ()  # of modules to be made exact: none, where `walk` sees to it itself
    hyper_step = 4

    def hyper_analysis(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order, handing `visit` every part; returns all of y_hat (B, M, h, w)."""
        raise NotImplementedError

    def walked(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        """`walk`; in evaluation contiguous, as a synthesis may round otherwise for another layout in memory."""
        y_hat = self.walk(z_hat, visit)
        return y_hat if self.training else y_hat.contiguous()

    def measured(self, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """y (B, M, h, w) -> y as it is quantised, and the likelihoods of y and z."""
        z_hat, of_z = self.entropy_bottleneck(self.hyper_analysis(y))
        visit = self.likelihoods(y)
        y_hat = self.walked(z_hat, visit)
        return y_hat, {"y": visit.all(), "z": of_z}

    def likelihoods(self, y: Tensor) -> Likelihoods:
        return Likelihoods(self.gaussian_conditional, y)

    def write_latents(self, y: Tensor, packet: PacketWriter) -> Tensor:
        """y (1, M, h, w) -> y_hat; what makes it goes into the one stream of `packet`, with what others write."""
        z_hat = packet.channels(self.entropy_bottleneck, self.hyper_analysis(y))
        return self.walked(z_hat, Writer(self.gaussian_conditional, y, [packet]))

    def read_latents(self, size: tuple[int, int], packet: PacketReader) -> Tensor:
        """y_hat (1, M, *size), taken from `packet`."""
        z_hat = packet.channels(self.entropy_bottleneck, [-(-side // self.hyper_step) for side in size])
        return self.walked(z_hat, Reader(self.gaussian_conditional, size, [packet]))

    def compress_latents(self, y: Tensor) -> dict[str, Any]:
        """y (B, M, h, w) -> the strings of y and z, as CompressAI has them, and the shape of z."""
        z = self.hyper_analysis(y)
        of_z = self.entropy_bottleneck.compress(z)
        z_hat = self.entropy_bottleneck.decompress(of_z, z.shape[-2:])
        writers = [self.new_writer() for _ in y]
        self.walked(z_hat, self.writing(y, writers))
        return {"strings": [[writer.finish()[0] for writer in writers], of_z], "shape": z.shape[-2:]}

    def decompress_latents(self, strings: list[list[bytes]], shape: Sequence[int]) -> Tensor:
        """The strings of B images and z's height and width -> y_hat; raises `StreamError` for damaged strings."""
        if len(strings) != 2:
            raise StreamError(f"a picture holds {len(strings)} streams, where this codec writes 2.")
        return self.read_given(self.entropy_bottleneck.decompress(strings[1], shape), strings[0], shape)

    def read_given(self, z_hat: Tensor, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        """y_hat of the strings of y, with z_hat of height and width `shape`; as `decompress_latents`."""
        readers = [self.new_reader(string) for string in strings]
        size = (shape[0] * self.hyper_step, shape[1] * self.hyper_step)
        y_hat = self.walked(z_hat, self.reading(size, readers))
        for reader in readers:
            reader.finish()
        return y_hat

    def writing(self, y: Tensor, writers: Sequence[Any]) -> Visitor:
        return Writer(self.gaussian_conditional, y, writers)

    def reading(self, size: tuple[int, int], readers: Sequence[Any]) -> Visitor:
        return Reader(self.gaussian_conditional, size, readers)

    def new_writer(self) -> PacketWriter | MixtureWriter | CodebookWriter:
        """For one image's y."""
        if isinstance(self.gaussian_conditional, Codebook):
            return CodebookWriter()
        if mixed(self.gaussian_conditional):
            return MixtureWriter()
        return PacketWriter(stack([self.gaussian_conditional]))

    def new_reader(self, string: bytes) -> PacketReader | MixtureReader | CodebookReader:
        if isinstance(self.gaussian_conditional, Codebook):
            return CodebookReader(string)
        if mixed(self.gaussian_conditional):
            return MixtureReader(string)
        return PacketReader(stack([self.gaussian_conditional]), [string])


def mixed(model: GaussianConditional | Codebook) -> bool:
    """Whether symbols have mixtures, which are coded without tables."""
    return isinstance(model, GaussianMixtureConditional) and model.K > 1
