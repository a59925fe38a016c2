"""`enveloped`: a codec around a codec.

    x ── pre ── picture ── inner codec ── decoded ── post ── x_hat
          └── hints ─ round ─ hints' ────────────────┘            p(hints): an entropy bottleneck

The inner codec is any image codec: one of ours, with its likelihoods and streams, or a classical one, with its file as
one stream (`classical`). Its operating points, if it has several, are those of the whole. `lic_image.envelope` has what
may stand before it and behind it. The file holds the inner codec's streams and then, if there are hints, theirs.
"""

import math
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.capabilities import Adjustable, StartsFromData
from common.entropy import exact
from common.entropy.models import EntropyBottleneck
from common.errors import LicError, StreamError
from lic_image.codecs.classical import Classical
from lic_image.codecs.compressai_zoo import adopted
from lic_image.envelope.contract import Decoded
from lic_image.envelope.post import AsDecoded
from lic_image.envelope.pre import Whole
from lic_image.latents import POINTS, SIDE_POINTS, latent_modules


class Enveloped(CompressionModel):
    """Args:
        inner: an image codec with CompressAI's conventions.
        pre, post: what stands before it and behind it, see `lic_image.envelope`; None for nothing.

    Raises:
        LicError: pre and post do not fit each other, or the inner codec.
    """

    parameter_networks = ()  # of modules to be made exact: the inner codec sees to its own

    def __init__(self, inner: CompressionModel, pre: Any = None, post: Any = None) -> None:
        super().__init__()
        self.inner = adopted(inner)
        self.pre = pre if pre is not None else Whole()
        self.post = post if post is not None else AsDecoded()
        check_fit(self.inner, self.pre, self.post)
        if not any(p.requires_grad for p in self.parameters()):
            raise LicError("nothing here learns: choose a post, or measure the classical codec itself with lic bench.")
        channels, step = self.pre.hint_channels, self.pre.hint_step
        self.hints = EntropyBottleneck(channels) if channels else None
        self.downsampling = math.lcm(self.pre.factor * self.inner.downsampling, step)
        self.own_losses: tuple[str, ...] = tuple(getattr(self.inner, "own_losses", ()))  # which `forward` hands on
        if latent_modules(self.inner):  # rate=, importance= and task= take hold of the inner codec's latents
            self.latent_modules = [f"inner.{name}" for name in getattr(self.inner, "latent_modules", POINTS)]
            self.side_modules = [f"inner.{name}" for name in getattr(self.inner, "side_modules", SIDE_POINTS)]
        if isinstance(self.inner, Adjustable):  # so is what is built around it
            self.setting, self.at = self.inner.setting, self.inner.at

    def forward(self, x: Tensor) -> dict[str, Any]:
        sent = self.pre(x)
        out = self.inner(sent.picture)
        likelihoods, hints = dict(out["likelihoods"]), None
        if self.hints is not None:
            hints, likelihoods["hints"] = self.hints(sent.hints)
        x_hat = self.post(Decoded(out["x_hat"].clamp(0, 1), hints, out.get("quality")))
        return {**out, "x_hat": x_hat, "likelihoods": likelihoods}

    def compress(self, x: Tensor) -> dict[str, Any]:
        sent = self.pre(x)
        out = self.inner.compress(sent.picture)
        own = [self.hints.compress(sent.hints)] if self.hints is not None else []
        shape = (x.shape[2] // self.downsampling, x.shape[3] // self.downsampling)
        return {"strings": [*out["strings"], *own], "shape": shape}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        H, W = (side * self.downsampling for side in shape)
        hints = None
        if self.hints is not None:
            if len(strings) < 2:
                raise StreamError("a stream is missing: the file was not written by this codec.")
            *strings, own = strings
            hints = self.hints.decompress(own, (H // self.pre.hint_step, W // self.pre.hint_step))
        inside = self.pre.factor * self.inner.downsampling
        out = self.inner.decompress(strings, (H // inside, W // inside))
        decoded = Decoded(out["x_hat"].clamp(0, 1), hints, out.get("quality"))
        return {"x_hat": exact.synthesis(self.post, decoded).clamp(0, 1)}

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: of the inner codec, from the pictures that it will get."""
        if isinstance(self.inner, StartsFromData):
            self.inner.start_from(self.pre(x).picture, lmbda)

    def aux_loss(self) -> Tensor:
        """That of all entropy bottlenecks; 0 where there is none, as in a classical codec."""
        return torch.as_tensor(super().aux_loss(), dtype=torch.float32, device=next(self.parameters()).device)

    @property
    def restores(self) -> bool:
        """Whether what stands behind the inner codec can be used on any JPEG."""
        jpeg = isinstance(self.inner, Classical) and self.inner.file_codec.name.startswith("jpeg")
        learned = next(self.post.parameters(), None) is not None
        return jpeg and self.inner.file_codec.name != "jpegxl" and isinstance(self.pre, Whole) and learned

    def restore(self, x: Tensor, quality: float) -> Tensor:
        """A decoded JPEG (B, 3, H, W) in [0, 1], sides even, of a quality from 1 to 100 -> without artefacts."""
        return self.post(Decoded(x, None, torch.full((len(x),), quality / 100, device=x.device))).clamp(0, 1)


def check_fit(inner: CompressionModel, pre: Any, post: Any) -> None:
    """Raises `LicError` where one does not give what another needs."""
    if not isinstance(pre, nn.Module) or not isinstance(post, nn.Module):
        raise LicError("pre.part and post.part are modules of lic_image.envelope, or null.")
    if pre.factor != post.factor:
        raise LicError(
            f"the pre makes pictures {pre.factor} times smaller and the post {post.factor} times larger: a pre of "
            "factor 2 (downscale, compact) goes with post=super_resolution of the same factor."
        )
    if post.takes_hints != pre.hint_channels:
        raise LicError(
            f"the pre sends hints of {pre.hint_channels} channels and the post takes {post.takes_hints}: pre=holes "
            "goes with post=inpaint, pre=luma with post=colourise."
        )
    if getattr(post, "knows_quality", False) and not isinstance(inner, Classical):
        raise LicError("the post is to know the quality of a classical codec, and the inner codec is none.")
