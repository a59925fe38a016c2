"""`ssf2020`: CompressAI's scale-space flow behind our interface, with our entropy coder.

E. Agustsson, D. Minnen, N. Johnston, J. Ballé, S. J. Hwang, G. Toderici: "Scale-space flow for end-to-end optimized
video compression", CVPR 2020. Weights of CompressAI's `ScaleSpaceFlow` load where N and M are its own. It codes I
frames itself; its forward pass rounds in training, too, as its authors do.
"""

from collections.abc import Mapping
from typing import Any

import torch
from compressai.models.video import ScaleSpaceFlow
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.models import adopt
from common.entropy.packet import PacketReader, PacketWriter, Stack, Stacks
from common.entropy.walks import Reader, Visitor, Writer
from lic_video.codecs.contract import Coded, VideoCodec, Written
from lic_video.gop import Gop

PARTS = ("motion", "residual")
TOLD = ("scale", "mean")  # what a hyperprior tells of a latent


class SSF2020(VideoCodec):
    """Args: `N` channels inside the transforms, `M` of the latents (CompressAI's: 128 and 192); `gop`."""

    downsampling = 128

    def __init__(self, gop: Gop, N: int = 128, M: int = 192) -> None:
        super().__init__(gop)
        model = ScaleSpaceFlow()
        if (N, M) != (128, 192):  # its constructor takes no widths, those of its parts do
            parts = (model.img_encoder, model.img_decoder, model.img_hyperprior)
            encoder, decoder, hyperprior = (type(part) for part in parts)
            for name, channels, out, latents in (("img", 3, 3, M), ("res", 3, 3, 2 * M), ("motion", 6, 3, M)):
                setattr(model, f"{name}_encoder", encoder(channels, N, M))
                setattr(model, f"{name}_decoder", decoder(out, latents, N))
                setattr(model, f"{name}_hyperprior", hyperprior(M, M))
        decoders = [f"{part}_hyperprior.hyper_decoder_{told}" for part in ("img", "res", "motion") for told in TOLD]
        self.model: Any = exact.adopt_networks(adopt(model), decoders)
        self._stacks = Stacks()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Its own weights, or those of CompressAI's `ScaleSpaceFlow`."""
        if any(name.startswith("model.") for name in state_dict):
            return super().load_state_dict(state_dict, strict, assign)
        return self.model.load_state_dict(dict(state_dict), strict)

    def forward(self, frame: Tensor, reference: Tensor) -> Coded:
        x_hat, likelihoods = self.model.forward_inter(frame, reference)
        return Coded(x_hat, {f"{part}.{name}": p for part in PARTS for name, p in likelihoods[part].items()})

    def intra_forward(self, frame: Tensor) -> Coded:
        x_hat, likelihoods = self.model.forward_keyframe(frame)
        return Coded(x_hat, {f"intra.{name}": p for name, p in likelihoods["keyframe"].items()})

    def encode(self, frame: Tensor, reference: Tensor) -> Written:
        model, packet = self.model, PacketWriter(self._stack("motion", "res"))
        motion_hat = _write(model.motion_hyperprior, model.motion_encoder(torch.cat([frame, reference], 1)), packet)
        prediction = self._predicted(reference, motion_hat)
        residual_hat = _write(model.res_hyperprior, model.res_encoder(frame - prediction), packet)
        return Written(packet.finish(short=True), self._decoded(prediction, residual_hat, motion_hat))

    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        shape = self._shape((reference.shape[2], reference.shape[3]))
        if len(streams) == 4:  # as before format version 4
            strings = {part: [[stream] for stream in streams[2 * i : 2 * i + 2]] for i, part in enumerate(PARTS)}
            motion_hat = self.model.motion_hyperprior.decompress(strings["motion"], shape)
            residual_hat = self.model.res_hyperprior.decompress(strings["residual"], shape)
            return self._decoded(self._predicted(reference, motion_hat), residual_hat, motion_hat)
        model, packet = self.model, PacketReader(self._stack("motion", "res"), streams)
        motion_hat = _read(model.motion_hyperprior, shape, packet)
        prediction = self._predicted(reference, motion_hat)
        residual_hat = _read(model.res_hyperprior, shape, packet)
        packet.finish()
        return self._decoded(prediction, residual_hat, motion_hat)

    def _predicted(self, reference: Tensor, motion_hat: Tensor) -> Tensor:
        motion = exact.synthesis(self.model.motion_decoder, motion_hat)
        return exact.synthesis(self.model.forward_prediction, reference, motion)

    def _decoded(self, prediction: Tensor, residual_hat: Tensor, motion_hat: Tensor) -> Tensor:
        residual = exact.synthesis(self.model.res_decoder, torch.cat([residual_hat, motion_hat], 1))
        return (prediction + residual).clamp(0, 1)

    def intra_encode(self, frame: Tensor) -> Written:
        packet = PacketWriter(self._stack("img"))
        y_hat = _write(self.model.img_hyperprior, self.model.img_encoder(frame), packet)
        return Written(packet.finish(short=True), exact.synthesis(self.model.img_decoder, y_hat).clamp(0, 1))

    def intra_decode(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        if len(streams) == 2:  # as before format version 4
            y_hat = self.model.img_hyperprior.decompress([[stream] for stream in streams], self._shape(size))
            return exact.synthesis(self.model.img_decoder, y_hat).clamp(0, 1)
        packet = PacketReader(self._stack("img"), streams)
        y_hat = _read(self.model.img_hyperprior, self._shape(size), packet)
        packet.finish()
        return exact.synthesis(self.model.img_decoder, y_hat).clamp(0, 1)

    def _shape(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the side information, of frames of `size`."""
        return size[0] // self.downsampling, size[1] // self.downsampling

    def _stack(self, *parts: str) -> Stack:
        priors = [getattr(self.model, f"{part}_hyperprior") for part in parts]
        return self._stacks.of([m for prior in priors for m in (prior.entropy_bottleneck, prior.gaussian_conditional)])

    def frozen(self) -> list[nn.Module]:
        return []

    def aux_loss(self) -> Tensor:
        return sum(self.model.aux_loss())


def _walk(prior: Any, z_hat: Tensor, visit: Visitor) -> Tensor:
    return visit(prior.hyper_decoder_scale(z_hat), prior.hyper_decoder_mean(z_hat))


def _write(prior: Any, y: Tensor, packet: PacketWriter) -> Tensor:
    """y (1, M, h, w) -> y_hat, by one of CompressAI's hyperpriors; what makes it is added to `packet`."""
    z_hat = packet.channels(prior.entropy_bottleneck, prior.hyper_encoder(y))
    return _walk(prior, z_hat, Writer(prior.gaussian_conditional, y, [packet]))


def _read(prior: Any, shape: tuple[int, int], packet: PacketReader) -> Tensor:
    """y_hat, taken from `packet`; `shape` is that of z."""
    z_hat = packet.channels(prior.entropy_bottleneck, shape)
    size = (8 * shape[0], 8 * shape[1])  # its hyperpriors have three strides
    return _walk(prior, z_hat, Reader(prior.gaussian_conditional, size, [packet]))
