"""`progressive`: a recurrent codec that codes, again and again, what is still missing, in bits.

    r_0 = x - 1/2        b_t = sign E(r_(t-1))        x_hat_t = D(b_t) + 1/2            one-shot reconstruction
    r_t = x - x_hat_t                                 x_hat_t = x_hat_(t-1) + D(b_t)    additive

E and D have states, so that each iteration knows of all before it. An iteration is a level of the file.

G. Toderici, S. M. O'Malley, S. J. Hwang, D. Vincent, D. Minnen, S. Baluja, M. Covell, R. Sukthankar: "Variable rate
image compression with recurrent neural networks", ICLR 2016; G. Toderici, D. Vincent, N. Johnston, S. J. Hwang, D.
Minnen, J. Shor, M. Covell: "Full resolution image compression with recurrent neural networks", CVPR 2017.

As there, the networks of the picture are trained for the picture alone: no gradient of the rate reaches them. That of
the bits' probabilities (`lic_image.layers.bit_context`) is trained along. The loss is λ times the distortion of the
last iteration, and the codec's own loss `residuals`: the absolute residuals of all iterations, their mean in levels of
255.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.bits import LEAST_BITS, BitLikelihoods, BitModel, BitReader, BitWriter
from common.entropy.room import check_count
from common.errors import LicError
from lic_image.codecs.levels import LevelCodec
from lic_image.layers.bit_context import BitContext
from lic_image.layers.recurrent_transforms import Cell, RecurrentDecoder, RecurrentEncoder, States, binarized


class Progressive(LevelCodec):
    """The codec.

    Args:
        encoder_cell, decoder_cell: make a recurrent cell, see `lic_image.layers.recurrent_cells`.
        encoder: channels of the encoder's first convolution and of its three cells.
        decoder: channels of the decoder's four cells, multiples of 4.
        bits: for 16x16 pixels and iteration, before entropy coding.
        levels: iterations.
        context: width of the network of the bits' probabilities.
        reconstruction: what an iteration decodes: the picture ("one_shot"), or what to add to it ("additive").

    Raises:
        LicError: another reconstruction.
    """

    downsampling = 16
    own_losses = ("residuals",)

    def __init__(
        self,
        encoder_cell: Cell,
        decoder_cell: Cell,
        encoder: Sequence[int],
        decoder: Sequence[int],
        bits: int = 32,
        levels: int = 16,
        context: int = 64,
        reconstruction: Literal["one_shot", "additive"] = "one_shot",
    ) -> None:
        super().__init__()
        self.has_levels(levels)
        if reconstruction not in ("one_shot", "additive"):
            raise LicError(f"reconstruction is one_shot or additive, not {reconstruction}.")
        self.bits, self.additive = bits, reconstruction == "additive"
        self.encoder = RecurrentEncoder(encoder_cell, encoder, bits)
        self.decoder = RecurrentDecoder(decoder_cell, decoder, bits)
        self.context = BitContext(bits, levels, context)
        self.bit_model = BitModel()

    def iterations(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """x (B, 3, H, W) -> of each iteration the bits, -1 and 1, (B, bits, H/16, W/16), and x_hat (B, 3, H, W)."""
        x_hat, encoder, decoder = x.new_full((), 0.5), self.encoder.begin(), self.decoder.begin()
        for _ in range(self.levels):
            values, encoder = self.encoder(x - x_hat, encoder)
            bits = binarized(values, self.training)
            x_hat, decoder = self.reconstructed(x_hat, bits, decoder)
            yield bits, x_hat

    def synthesis(self, bits: Sequence[Tensor]) -> Tensor:
        """The bits of the first iterations -> x_hat (B, 3, H, W)."""
        x_hat, states = bits[0].new_full((), 0.5), self.decoder.begin()
        for each in bits:
            x_hat, states = self.reconstructed(x_hat, each, states)
        return x_hat

    def reconstructed(self, x_hat: Tensor, bits: Tensor, states: States) -> tuple[Tensor, States]:
        """An iteration's bits, and x_hat and the decoder's states before it -> those after it."""
        change, states = self.decoder(bits, states)
        return (x_hat if self.additive else 0.5) + change, states

    def likelihoods(self, bits: Sequence[Tensor]) -> list[Tensor]:
        """Of the bits of each iteration, of their shape."""
        state, found = self.context.begin(len(bits[0]), bits[0].shape[-2:]), []
        for t, each in enumerate(bits):
            visit = BitLikelihoods(self.bit_model, each)
            _, state = self.context.walk(state, t, visit)
            found.append(visit.likelihoods)
        return found

    def forward(self, x: Tensor) -> dict[str, Any]:
        bits, x_hats = zip(*self.iterations(x))
        found = self.likelihoods([each.detach() for each in bits])
        out = {"x_hat": x_hats[-1], "likelihoods": {"y": torch.cat(found, 1)}}
        if self.training:
            residuals = torch.stack([(x - x_hat).abs().mean() for x_hat in x_hats])
            out["losses"] = {"residuals": 255 * residuals.mean()}
        return out

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        bits, x_hats = zip(*self.iterations(x))
        found = self.likelihoods(bits)
        return [{"x_hat": x_hat, "likelihoods": {"y": torch.cat(found[: t + 1], 1)}} for t, x_hat in enumerate(x_hats)]

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        state = self.context.begin(1, (x.shape[2] // 16, x.shape[3] // 16))
        for t, (bits, _) in enumerate(self.iterations(x)):
            visit = BitWriter(self.bit_model, bits)
            _, state = self.context.walk(state, t, visit)
            yield [visit.finish()]

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, Tensor]:
        self.check_levels(levels)
        check_count(self.bits * shape[0] * shape[1], LEAST_BITS, len(levels[0][0]))
        state, bits = self.context.begin(1, (shape[0], shape[1])), []
        for t, (stream,) in enumerate(levels):
            visit = BitReader(self.bit_model, stream)
            each, state = self.context.walk(state, t, visit)
            visit.finish()
            bits.append(each)
        return {"x_hat": exact.synthesis(self.synthesis, bits).clamp(0, 1)}
