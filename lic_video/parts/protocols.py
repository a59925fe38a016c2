"""What a video codec asks of its parts. A part of your own has these methods and is an `nn.Module`."""

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor, nn

from common.entropy.packet import PacketReader, PacketWriter
from lic_video.parts.coded_map import CodedMap
from lic_video.parts.motion_compensation import Compensated


class EstimatesMotion(Protocol):
    """Motion estimation, in the encoder only."""

    def __call__(self, frame: Tensor, reference: Tensor) -> Tensor:
        """frame, reference (B, 3, H, W) in [0, 1] -> flow (B, 2, H, W) in pixels, from the frame to the reference."""


class CodesMaps(Protocol):
    """Motion codec (C = 2) and residual codec (C = 3)."""

    def __call__(self, x: Tensor) -> CodedMap:
        """x (B, C, H, W) -> the decoded map and the likelihoods of its latents."""

    def write(self, x: Tensor, packet: PacketWriter) -> Tensor:
        """x (1, C, H, W) -> the decoded map; what makes it is added to `packet`."""

    def read(self, size: tuple[int, int], packet: PacketReader) -> Tensor:
        """The decoded map (1, C, *size), taken from `packet`."""

    def start_from(self, x: Tensor, step: float) -> None:
        """Set what starts from examples `x` (B, C, H, W); `step` is what they are to be rounded by, in their units."""

    def modules(self) -> Iterator[nn.Module]: ...


class CompensatesMotion(Protocol):
    """Motion compensation."""

    def __call__(self, reference: Tensor, flow: Tensor) -> Compensated:
        """reference (B, 3, H, W), decoded flow (B, 2, H, W) -> the warped reference and the prediction."""


class ReducesArtifacts(Protocol):
    """Artifact reduction."""

    def __call__(self, prediction: Tensor, residual: Tensor) -> Tensor:
        """prediction, decoded residual (B, 3, H, W) -> the frame (B, 3, H, W)."""
