"""What goes from a pre to the codec, and from the codec to a post."""

from typing import NamedTuple, Protocol

from torch import Tensor


class Sent(NamedTuple):
    """What a pre makes of x (B, 3, H, W).

    Attributes:
        picture: for the inner codec, (B, 3, H/factor, W/factor) in [0, 1].
        hints: what is coded beside it, (B, C, H/step, W/step), in units of the step that it is rounded by; or None.
    """

    picture: Tensor
    hints: Tensor | None = None


class Decoded(NamedTuple):
    """What a decoder has.

    Attributes:
        picture: as it left the inner codec, (B, 3, h, w) in [0, 1].
        hints: rounded; None where the pre has none.
        quality: of a classical inner codec, (B,) in 0 to 1; None of others.
    """

    picture: Tensor
    hints: Tensor | None = None
    quality: Tensor | None = None


class Pre(Protocol):
    """Before the codec: a module, called with x, that returns `Sent`.

    Attributes:
        factor: by how much its picture is narrower than x.
        hint_channels: C of its hints, 0 for none.
        hint_step: pixels of x on a side for which there is one hint.
    """

    factor: int
    hint_channels: int
    hint_step: int

    def __call__(self, x: Tensor) -> Sent: ...


class Post(Protocol):
    """Behind the codec: a module, called with `Decoded`, that returns x_hat.

    Attributes:
        factor: by how much x_hat is wider than the decoded picture.
        takes_hints: channels of the hints that it needs, 0 for none.
    """

    factor: int
    takes_hints: int

    def __call__(self, decoded: Decoded) -> Tensor: ...
