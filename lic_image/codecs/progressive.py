"""`progressive`: a recurrent codec that codes, again and again, what is still missing, in bits.

    r_0 = x - 1/2        b_t = sign E(r_(t-1))        x_hat_t = D(b_t) + 1/2            one-shot reconstruction
    r_t = x - x_hat_t                                 x_hat_t = x_hat_(t-1) + D(b_t)    additive
                                                      ... + D(b_t) / g_t, b_t = sign E(g_t r_(t-1))    scaled
                                                      g_1 = 1, g_t = G(x_hat_(t-1))

E and D have states, so that each iteration knows of all before it. An iteration is a level of the file.

G. Toderici, S. M. O'Malley, S. J. Hwang, D. Vincent, D. Minnen, S. Baluja, M. Covell, R. Sukthankar: "Variable rate
image compression with recurrent neural networks", ICLR 2016; G. Toderici, D. Vincent, N. Johnston, S. J. Hwang, D.
Minnen, J. Shor, M. Covell: "Full resolution image compression with recurrent neural networks", CVPR 2017.

As there, the networks of the picture are trained for the picture alone: no gradient of the rate reaches them. That of
the bits' probabilities (`lic_image.layers.bit_context`) is trained along. The loss is λ times the distortion of the
last iteration, and the codec's own loss `residuals`: the absolute residuals of all iterations, their mean in levels of
255.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.bits import LEAST_BITS, BitLikelihoods, BitModel, BitReader, BitWriter
from common.entropy.room import check_count
from common.errors import LicError
from common.layers.classical_start import Start, known
from lic_image.codecs.levels import LevelCodec
from lic_image.layers.bit_choice import BitChoice
from lic_image.layers.bit_context import BitContext
from lic_image.layers.recurrent_start import start_as_transform
from lic_image.layers.recurrent_transforms import Cell, RecurrentDecoder, RecurrentEncoder, States, binarized
from lic_image.layers.residual_gain import ResidualGain

Reconstruction = Literal["one_shot", "additive", "scaled"]
OF_LATER = re.compile(r"\.hidden\.|^gain\.|^context\.state\.")  # parameters that the first iteration does not use


class Decoded(NamedTuple):
    """What an iteration goes on from."""

    x_hat: Tensor
    gain: Tensor  # of what is missing from x_hat
    states: States  # of the decoder


class Progressive(LevelCodec):
    """The codec.

    Args:
        encoder_cell, decoder_cell: make a recurrent cell, see `lic_image.layers.recurrent_cells`.
        encoder: channels of the encoder's first convolution and of its three cells.
        decoder: channels of the decoder's four cells, multiples of 4.
        bits: for 16x16 pixels and iteration, before entropy coding.
        levels: iterations. With 1, what only later ones would use is not trained.
        context: width of the network of the bits' probabilities.
        reconstruction: what an iteration decodes: the picture ("one_shot"), or what to add to it ("additive"), enlarged
            by a gain that the picture so far tells ("scaled").
        start: "random", as published, or "klt" or "pyramid": a classical transform, coded by successive approximation,
            see `lic_image.layers.recurrent_start`. It has what the published network does not: a step for each bit and
            iteration, by which values are divided and bits are multiplied, and a choice of values for each iteration.

    Raises:
        LicError: another reconstruction or start.
    """

    downsampling = 16
    own_losses = ("residuals",)
    parameter_networks = ("context",)  # what bits' probabilities depend on; the others make bits, or pixels of bits

    def __init__(
        self,
        encoder_cell: Cell,
        decoder_cell: Cell,
        encoder: Sequence[int],
        decoder: Sequence[int],
        bits: int = 32,
        levels: int = 16,
        context: int = 64,
        reconstruction: Reconstruction = "one_shot",
        start: Start = "random",
    ) -> None:
        super().__init__()
        self.has_levels(levels)
        if reconstruction not in get_args(Reconstruction):
            raise LicError(f"reconstruction is one_shot, additive or scaled, not {reconstruction}.")
        self.bits, self.one_shot = bits, reconstruction == "one_shot"
        self.start = known(start)
        room = max(1, min(encoder[-1], decoder[0]) // bits)  # values that each bit chooses from
        self.choice = None if start == "random" else BitChoice(levels, bits, room)
        values = bits if start == "random" else bits * room
        self.encoder = RecurrentEncoder(encoder_cell, encoder, values)
        self.decoder = RecurrentDecoder(decoder_cell, decoder, values)
        self.gain = ResidualGain() if reconstruction == "scaled" else None
        self.context = BitContext(bits, levels, context)
        self.bit_model = BitModel()
        if levels == 1:  # what only later iterations use gets no gradient, for which DDP would wait
            for name, parameter in self.named_parameters():
                parameter.requires_grad_(not OF_LATER.search(name))

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: `x` (B, 3, H, W) in [0, 1]; the bits spent are the same for every `lmbda`."""
        if self.choice is None:
            return
        start_as_transform(self.start, self.encoder, self.decoder, x - 0.5, keeps=self.one_shot)
        training = self.training
        with self.choice.fitted():
            deque(self.eval().iterations(x), maxlen=0)
        self.train(training)

    def iterations(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """x (B, 3, H, W) -> of each iteration the bits, -1 and 1, (B, bits, H/16, W/16), and x_hat (B, 3, H, W)."""
        encoder, now = self.encoder.begin(), self.begin(x)
        for t in range(self.levels):
            values, encoder = self.encoder((x - now.x_hat) * now.gain, encoder)
            bits = binarized(values if self.choice is None else self.choice.chosen(values, t), self.training)
            now = self.reconstructed(now, bits, t)
            yield bits, now.x_hat

    def synthesis(self, bits: Sequence[Tensor]) -> Tensor:
        """The bits of the first iterations -> x_hat (B, 3, H, W)."""
        now = self.begin(bits[0])
        for t, each in enumerate(bits):
            now = self.reconstructed(now, each, t)
        return now.x_hat

    def begin(self, like: Tensor) -> Decoded:
        return Decoded(like.new_full((), 0.5), like.new_ones(()), self.decoder.begin())

    def reconstructed(self, last: Decoded, bits: Tensor, t: int) -> Decoded:
        """From what iteration `t` goes on from, and its bits, what the next goes on from."""
        change, states = self.decoder(bits if self.choice is None else self.choice.values(bits, t), last.states)
        x_hat = (0.5 if self.one_shot else last.x_hat) + (change / last.gain if self.gain else change)
        return Decoded(x_hat, self.gain(x_hat) if self.gain else last.gain, states)

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
