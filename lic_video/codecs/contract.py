"""What every video codec offers: a forward pass for a P frame, and the writing and reading of I and P frames.

Frames are (B, 3, H, W) in [0, 1], sides multiples of `downsampling`; padding, cropping, 8 bits, files and the order of
frames are others' business (`lic_video.files`). A reference is the decoded frame as `encode` and `decode` give it.
"""

from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from lic_video.gop import Gop


class Intermediates(NamedTuple):
    """What the parts of a codec gave on the way to a P frame, (B, 2 or 3, H, W) each: for losses and pictures."""

    flow: Tensor
    flow_hat: Tensor
    warped: Tensor
    prediction: Tensor
    residual_hat: Tensor | None = None
    before: Tensor | None = None  # artifact reduction


class Coded(NamedTuple):
    """A P frame's forward pass: the decoded frame, likelihoods by latent ("motion.y", "residual.z", …)."""

    x_hat: Tensor
    likelihoods: dict[str, Tensor]
    intermediates: Intermediates | None = None


class Written(NamedTuple):
    """A frame's streams, and the decoded frame that a reader of them will have."""

    streams: list[bytes]
    x_hat: Tensor


class VideoCodec(nn.Module):
    """`gop`: the structure of a group of pictures."""

    downsampling: int

    def __init__(self, gop: Gop) -> None:
        super().__init__()
        self.gop = gop

    @abstractmethod
    def forward(self, frame: Tensor, reference: Tensor) -> Coded:
        """A P frame, predicted from `reference`."""

    @abstractmethod
    def intra_forward(self, frame: Tensor) -> Coded:
        """An I frame."""

    @abstractmethod
    def encode(self, frame: Tensor, reference: Tensor) -> Written:
        """A P frame (1, 3, H, W)."""

    @abstractmethod
    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        """The P frame (1, 3, H, W) that `encode` wrote; raises `StreamError` for damaged streams."""

    @abstractmethod
    def intra_encode(self, frame: Tensor) -> Written:
        """An I frame (1, 3, H, W)."""

    @abstractmethod
    def intra_decode(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        """The I frame (1, 3, *size) that `intra_encode` wrote; raises `StreamError` for damaged streams."""

    @abstractmethod
    def frozen(self) -> list[nn.Module]:
        """The parts that come trained and are not trained along: the intra codec, where it is one of its own, and then
        a flow network that is to stay as it is."""

    @abstractmethod
    def aux_loss(self) -> Tensor:
        """Of the entropy bottlenecks, a scalar."""
