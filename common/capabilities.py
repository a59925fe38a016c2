"""What a network may be able to do beyond coding: each is a protocol, and a network that has its methods is able to.

None is needed. A codec of your own that has one of these methods is asked for it by training and by video codecs.
Beside these, a codec may say in which order its latent is coded (`common.entropy.walks.WalkedLatents.walk`) and which
of its networks tell the coder's parameters (`parameter_networks`, see common/entropy/exact/README.md); its blocks may
have maps to be drawn (`Looking`; `lic_image.watch`, `lic_video.watch`). What works with any codec
(rate=gains, --refine) finds its latents by the names of modules: `lic_image.latents`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from common.entropy.packet import PacketReader, PacketWriter


@runtime_checkable
class StartsFromData(Protocol):
    """Takes starting values from training data: the first step of a run that starts from no other."""

    def start_from(self, x: Tensor, lmbda: float, *given: Any) -> None:
        """Set what starts from data.

        Args:
            x: pictures (B, 3, H, W) or pairs of frames (B, 2, 3, H, W), in [0, 1].
            lmbda: the weight of the squared error that the loss corresponds to.
            given: of video codecs, the names of parts that come trained, if any.
        """


@runtime_checkable
class MovesWithLambda(Protocol):
    """Adapts to another λ without training: a run that starts from another λ's."""

    def move(self, ratio: float) -> None:
        """Go from the operating point λ to `ratio`·λ."""


@runtime_checkable
class CodesIntoPackets(Protocol):
    """Codes a picture into the one stream that all parts of a video codec share, which saves bytes."""

    def write(self, x: Tensor, packet: PacketWriter) -> Tensor:
        """x (1, 3, H, W) -> x_hat; what makes it is added to `packet`."""

    def read(self, size: tuple[int, int], packet: PacketReader) -> Tensor:
        """x_hat (1, 3, *size), taken from `packet`."""


class Setting(NamedTuple):
    """What chooses one of a codec's operating points: a whole number, which its files hold.

    Attributes:
        name: what it is called: `quality` is --quality of `lic compress`.
        least, most: between them any number is one.
        default: the one without a word.
        curve: what protocol=image_levels measures, from the fewest bits to the most.
        step: what 1 is where people type and read it: quality 37.5 is 375 with a step of 0.1.
    """

    name: str
    least: int
    most: int
    default: int
    curve: tuple[int, ...]
    step: float = 1.0


@runtime_checkable
class Adjustable(Protocol):
    """One network of many operating points."""

    setting: Setting

    def at(self, value: int) -> AbstractContextManager[None]:
        """Inside, forward, compress and decompress work at the operating point `value`."""


@runtime_checkable
class CodesInLevels(Protocol):
    """Codes a picture in levels, each of which improves what those before it tell."""

    levels: int

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        """x (1, 3, H, W) -> the streams of one level after the other."""

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        """The streams of the first levels, of one or more -> {"x_hat": (1, 3, H, W)}; `shape` as of `decompress`."""

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        """x (1, 3, H, W) -> of each level {"x_hat", "likelihoods"}: what is decoded of it and those before it, and the
        likelihoods of all of them."""


@runtime_checkable
class Looking(Protocol):
    """A block that has maps to be drawn: it looks at some positions more than at others, or finds more there."""

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """What it does when it gets `x` (B, C, h, w): maps (B, h, w) by what they are called."""
