"""`intra`: blocks are predicted from decoded neighbours, and what is left goes through a DCT.

    block ─ (-) ─ DCT ─ u ·gain ─ round ─ y_hat ·1/gain ─ inverse DCT ─ (+) ─ decoded block
             └── prediction: the best of DC, planar, seven directions and a network ──┘
    y_hat ── log|y| ─ h_a ─ z ─ round ─ z_hat ─ h_s ─┬─ p(y_hat | z_hat, what is decoded of y)
                                                     └─ p(mode | z_hat)

The networks are those of `lic_image.layers.intra_networks`, the order of the blocks that of
`lic_image.layers.intra_loop`, the probability model that of `swift`. What the coder's parameters depend on is decoded
symbols, z and earlier parts of y; never decoded pixels. So all symbols are decoded first, in exact arithmetic, and then
the pixels, block by block: that machines round predictions differently moves pixels a little, and no symbol.

Training: a pass without gradients codes the crops block by block, as evaluation does. The pass with gradients predicts
all blocks at once from what that pass decoded, by the modes it chose. The gradient does not go from one block into
those it was predicted from.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.entropy import decisions, exact
from common.entropy.models import quantise_by
from common.entropy.quantisers import Mixed, straight_through
from common.entropy.tables import single
from common.errors import LicError, StreamError
from lic_image.codecs.sliced import SlicedCodec
from lic_image.distortions.satd import satd
from lic_image.layers.block_dct import BLOCK, block_dct, colour_matrix
from lic_image.layers.intra_loop import Canvas, Group, decoded, everywhere
from lic_image.layers.intra_modes import MODES, PLANAR, Context, local_mean, mode_matrix, predictions, references
from lic_image.layers.intra_networks import normalised

UNITS = 1 << 24  # of a mode's probability


class Intra(SlicedCodec):
    """The codec.

    Args:
        M: channels of y: the M lowest frequencies of 192.
        N: width of the hyperprior; the context networks are twice as wide.
        Z: channels of z.
        network: makes the network that predicts; None for the classical modes alone. If it has a method `masked`, its
            own loss is of contexts that this has masked.
        modes: the classical modes to choose from, names of `intra_modes.MODES`.
        slices: as of `swift`.

    Raises:
        LicError: there is no such mode, or nothing to predict with.
    """

    downsampling = 4 * BLOCK
    own_losses = ("prediction",)  # SATD of what the network predicts, of all blocks; from masked contexts if it masks

    def __init__(
        self,
        M: int = 96,
        N: int = 48,
        Z: int = 16,
        network: Callable[[], nn.Module] | None = None,
        modes: Sequence[str] = MODES,
        slices: tuple[int, ...] = (3, 9, 27),
    ) -> None:
        super().__init__()
        if unknown := [mode for mode in modes if mode not in MODES]:
            raise LicError(f"there is no intra mode {', '.join(unknown)}: take some of {', '.join(MODES)}.")
        if not modes and network is None:
            raise LicError("intra has nothing to predict with: name modes or choose a network (prediction=…).")
        self.network = network() if network is not None else None
        self.chosen_modes = [MODES.index(mode) for mode in modes]
        self.log_gain = nn.Parameter(torch.zeros(M, 1, 1))
        self.log_inverse_gain = nn.Parameter(torch.zeros(M, 1, 1))
        self.register_buffer("deviation", torch.ones(M, 1, 1))
        self.register_buffer("dct", block_dct(M, torch.eye(3, dtype=torch.float64)), persistent=False)
        self.register_buffer("colours", colour_matrix().float(), persistent=False)
        self.register_buffer("matrix", mode_matrix(), persistent=False)
        self.add_probability_model(M, N, Z, slices)
        self.mode_logits = nn.Conv2d(2 * N, len(modes) + (network is not None), 1)
        nn.init.zeros_(self.mode_logits.weight)
        nn.init.zeros_(self.mode_logits.bias)  # type: ignore[arg-type]
        quantise_by(self, Mixed())

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: `x` (B, 3, H, W) in [0, 1]; `lmbda` in the units of the squared error."""
        source = self._canvas_of(x)
        every = everywhere(source.size, x.device)
        blocks, contexts = source.blocks(every), source.context(every)
        planar = predictions(references(contexts), self.matrix[[PLANAR]])[:, 0]
        self.start_gains(self._coefficients(blocks - planar).square().mean(0).sqrt(), lmbda)

    def forward(self, x: Tensor) -> dict[str, Any]:
        with torch.no_grad():
            y, modes, canvas = self._encoded(x)
        if not self.training:
            _, likelihoods = self._rated(y, modes)
            return {"x_hat": self._picture(canvas), "likelihoods": likelihoods}
        return self._training(x, modes, canvas)

    def compress(self, x: Tensor) -> dict[str, Any]:
        with torch.no_grad():
            y, modes, _ = self._encoded(x)
            out = self.compress_latents(y)
            z_hat = self.entropy_bottleneck.decompress(out["strings"][1], out["shape"])
            units = self._mode_units(z_hat)
        strings = []
        for numbers, of_image in zip(modes.cpu().numpy(), units):
            writer = decisions.DecisionWriter()
            writer.numbers(numbers, of_image)
            strings.append(writer.finish())
        return {"strings": [*out["strings"], strings], "shape": out["shape"]}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        if len(strings) != 3:
            raise StreamError(f"a picture holds {len(strings)} streams, where this codec writes 3.")
        z_hat = self.entropy_bottleneck.decompress(strings[1], shape)
        y_hat = self.read_given(z_hat, strings[0], shape)
        modes = []
        for string, units in zip(strings[2], self._mode_units(z_hat)):
            reader = decisions.DecisionReader(string)
            modes.append(torch.from_numpy(reader.numbers(units)))
            reader.finish()
        with torch.no_grad():
            return {"x_hat": exact.synthesis(self.g_s, y_hat, torch.stack(modes).to(y_hat.device)).clamp(0, 1)}

    def g_s(self, y_hat: Tensor, modes: Tensor) -> Tensor:
        """y_hat (B, M, h, w) and the modes (B, h, w) -> x_hat (B, 3, 8 h, 8 w)."""
        rows, numbers = _by_position(y_hat), modes.flatten(1)

        def decode(wave: Group, context: Context) -> Tensor:
            told = self._predictions(context)
            mine = _chosen(told, numbers[:, wave.positions].flatten())
            return mine + self._residual(rows[:, wave.positions].flatten(0, 1))

        return self._picture(decoded(len(y_hat), (y_hat.shape[2], y_hat.shape[3]), y_hat, decode))

    def _encoded(self, x: Tensor) -> tuple[Tensor, Tensor, Canvas]:
        """x -> y (B, M, h, w), whole numbers; the modes (B, h, w); what is decoded from them."""
        source = self._canvas_of(x)
        (h, w), B = source.size, len(x)
        symbols = x.new_zeros(B, h * w, len(self.log_gain))
        numbers = torch.zeros(B, h * w, dtype=torch.int64, device=x.device)
        mode_bits = -self.mode_logits.bias.log_softmax(0) / math.log(2)  # type: ignore[union-attr]

        def decode(wave: Group, context: Context) -> Tensor:
            at, told = wave.positions, self._predictions(context)
            y = self._quotients(source.blocks(wave)[:, None] - told)
            bits = torch.log2(1 + y.abs()).sum(-1) + mode_bits  # of y: what the magnitudes cost, about
            best = bits.argmin(1)
            mine = y[torch.arange(len(y), device=x.device), best].round()
            symbols[:, at], numbers[:, at] = mine.unflatten(0, (B, -1)), best.unflatten(0, (B, -1))
            return _chosen(told, best) + self._residual(mine)

        canvas = decoded(B, source.size, x, decode)
        y = symbols.transpose(1, 2).unflatten(2, (h, w)).contiguous()
        return y, numbers.unflatten(1, (h, w)), canvas

    def _training(self, x: Tensor, modes: Tensor, canvas: Canvas) -> dict[str, Any]:
        blocks, told = self._all_predictions(x, canvas)
        prediction = _chosen(told, modes.flatten())
        y = self._quotients(blocks - prediction).unflatten(0, modes.shape).permute(0, 3, 1, 2)
        y_hat, likelihoods = self._rated(y, modes)
        samples = prediction + self._residual(_by_position(y_hat).flatten(0, 1))
        picture = Canvas(len(x), canvas.size, x)
        picture.put(everywhere(canvas.size, x.device), samples)
        losses = {}
        if self.network is not None:
            masked = getattr(self.network, "masked", None)
            taught = told[:, -1] if masked is None else self._masked_prediction(canvas, masked)
            losses["prediction"] = satd(taught, blocks).mean()
        return {"x_hat": self._picture(picture), "likelihoods": likelihoods, "losses": losses}

    def _all_predictions(self, x: Tensor, canvas: Canvas) -> tuple[Tensor, Tensor]:
        """All blocks of x, (n, 3, 8, 8), and what each mode predicts from what `canvas` holds, (n, K, 3, 8, 8)."""
        every = everywhere(canvas.size, x.device)
        return self._canvas_of(x).blocks(every), self._predictions(canvas.context(every))

    @torch.no_grad()
    def prediction_errors(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """How well each mode predicts the blocks of x from decoded ones.

        Returns:
            By mode, and of the network under "network": the squared error of each block, in x's units and in all
            three channels together, (n,), and which mode the encoder chose, as a number in that order, int64 (n,).
        """
        _, modes, canvas = self._encoded(x)
        blocks, told = self._all_predictions(x, canvas)
        names = [MODES[mode] for mode in self.chosen_modes] + ["network"] * (self.network is not None)
        errors = (told - blocks[:, None]).square().sum((2, 3, 4))
        return dict(zip(names, errors.unbind(1))), modes.flatten()

    def _rated(self, y: Tensor, modes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """y (B, M, h, w) and the modes (B, h, w) -> y as it is quantised, and all likelihoods."""
        z_hat, of_z = self.entropy_bottleneck(self.hyper_analysis(y))
        visit = self.likelihoods(y)
        y_hat = self.walked(z_hat, visit)
        if self.training:
            p = self._mode_probabilities(z_hat).gather(1, modes[:, None])
        else:
            found = [decisions.likelihoods(*pair) for pair in zip(modes.cpu().numpy(), self._mode_units(z_hat))]
            p = torch.from_numpy(np.stack(found)[:, None]).to(y)
        return y_hat, {"y": visit.all(), "z": of_z, "modes": p}

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return super().hyper_analysis(straight_through(y, y.round()))

    @exact.parameters
    def scaled(self, part: slice, mean: Tensor, log_scale: Tensor) -> tuple[Tensor]:  # type: ignore[override]
        """Scales alone: y must not be rounded around means that follow from later blocks' symbols."""
        return (log_scale.exp() * self.log_gain[part].exp(),)

    @exact.parameters
    def _mode_probabilities(self, z_hat: Tensor) -> Tensor:
        """Of every block's mode, (B, K, h, w)."""
        return self.mode_logits(self.hyper_synthesis(z_hat)).softmax(1)

    def _mode_units(self, z_hat: Tensor) -> np.ndarray:
        """The same in whole `UNITS`, int64 (B, h, w, K)."""
        p = self._mode_probabilities(z_hat).detach().permute(0, 2, 3, 1).cpu().numpy().astype(np.float64)
        return np.floor(p * UNITS).astype(np.int64) + 1

    def _predictions(self, context: Context) -> Tensor:
        """Of the chosen modes, and of the network behind them, (n, K, 3, 8, 8)."""
        r = references(context)
        told = predictions(r, self.matrix)
        classical = told[:, self.chosen_modes]
        if self.network is None:
            return classical
        seen, deviation = normalised(context, local_mean(r))
        return torch.cat([classical, (told[:, PLANAR] + deviation * self.network(seen))[:, None]], 1)

    def _masked_prediction(self, canvas: Canvas, masked: Callable[[Context], Context]) -> Tensor:
        """What the network predicts of all blocks, (n, 3, 8, 8), from masked contexts.

        Only the loss of its own sees this: modes are chosen and blocks coded from whole contexts, as in evaluation.
        """
        assert self.network is not None
        context = canvas.context(everywhere(canvas.size, canvas.samples.device))
        r = references(context)
        seen, deviation = normalised(context, local_mean(r))
        planar = predictions(r, self.matrix[[PLANAR]])[:, 0]
        return planar + deviation * self.network(masked(seen))

    def _coefficients(self, blocks: Tensor) -> Tensor:
        """Blocks (…, 3, 8, 8) -> their DCT (…, M)."""
        return blocks.flatten(-3) @ self.dct.T

    def _quotients(self, residual: Tensor) -> Tensor:
        """Blocks (…, 3, 8, 8) -> y (…, M), not rounded."""
        return self._coefficients(residual) * (self.log_gain.exp() / self.deviation).flatten()

    def _residual(self, y_hat: Tensor) -> Tensor:
        """y_hat (n, M) -> blocks (n, 3, 8, 8)."""
        u_hat = y_hat * (self.log_inverse_gain.exp() * self.deviation).flatten()
        return (u_hat @ self.dct).unflatten(-1, (3, BLOCK, BLOCK))

    def _canvas_of(self, x: Tensor) -> Canvas:
        """x (B, 3, H, W) in [0, 1], in decorrelated colours around 0."""
        x = single(x)
        canvas = Canvas(len(x), (x.shape[2] // BLOCK, x.shape[3] // BLOCK), x)
        canvas.samples.copy_(torch.einsum("kc,bchw->bkhw", self.colours, x - 0.5))
        return canvas

    def _picture(self, canvas: Canvas) -> Tensor:
        """The inverse of `_canvas_of`."""
        return torch.einsum("kc,bkhw->bchw", self.colours, canvas.samples) + 0.5


def _by_position(y: Tensor) -> Tensor:
    """(B, M, h, w) -> (B, h w, M)."""
    return y.flatten(2).transpose(1, 2)


def _chosen(told: Tensor, modes: Tensor) -> Tensor:
    """Of predictions (n, K, 3, 8, 8) that of each block's mode (n,)."""
    return told[torch.arange(len(told), device=told.device), modes]
