"""`ssf2020`: CompressAI's scale-space flow behind our interface, with our entropy coder.

E. Agustsson, D. Minnen, N. Johnston, J. Ballé, S. J. Hwang, G. Toderici: "Scale-space flow for end-to-end optimized
video compression", CVPR 2020. Weights of CompressAI's `ScaleSpaceFlow` load where N and M are its own. It codes I
frames itself; its forward pass rounds in training, too, as its authors do.
"""

from collections.abc import Mapping
from typing import Any

from compressai.models.video import ScaleSpaceFlow
from torch import Tensor, nn

from common.entropy.models import adopt
from common.errors import StreamError
from lic_video.codecs.contract import Coded, VideoCodec, Written
from lic_video.gop import Gop

PARTS = ("motion", "residual")


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
        self.model: Any = adopt(model)

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
        x_hat, out = self.model.encode_inter(frame, reference)
        streams = [strings[0] for part in PARTS for strings in out["strings"][part]]
        return Written(streams, x_hat.clamp(0, 1))

    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        if len(streams) != 4:
            raise StreamError(f"a P frame holds {len(streams)} streams, not 4: it was written by another codec.")
        shape = [side // self.downsampling for side in reference.shape[2:]]
        strings = {part: [[stream] for stream in streams[2 * i : 2 * i + 2]] for i, part in enumerate(PARTS)}
        x_hat: Tensor = self.model.decode_inter(reference, strings, dict.fromkeys(PARTS, shape))
        return x_hat.clamp(0, 1)

    def intra_encode(self, frame: Tensor) -> Written:
        x_hat, out = self.model.encode_keyframe(frame)
        return Written([strings[0] for strings in out["strings"]], x_hat.clamp(0, 1))

    def intra_decode(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        if len(streams) != 2:
            raise StreamError(f"an I frame holds {len(streams)} streams, not 2: it was written by another codec.")
        shape = [side // self.downsampling for side in size]
        x_hat: Tensor = self.model.decode_keyframe([[stream] for stream in streams], shape)
        return x_hat.clamp(0, 1)

    def frozen(self) -> list[nn.Module]:
        return []

    def aux_loss(self) -> Tensor:
        return sum(self.model.aux_loss())
