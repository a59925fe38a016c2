"""An image codec within a frame's packet, for I frames and for residuals: in the common stream if it knows how to."""

from typing import Any

from compressai.models import CompressionModel
from torch import Tensor

from common.capabilities import CodesIntoPackets
from common.entropy.packet import PacketReader, PacketWriter
from common.errors import StreamError


def write_image(codec: CompressionModel, x: Tensor, packet: PacketWriter) -> Tensor:
    """x (1, 3, H, W) in [0, 1] -> x_hat; into the stream of `packet` if the codec has `write`, else attached to it."""
    if isinstance(codec, CodesIntoPackets):
        return codec.write(x, packet)
    out = codec.compress(x)
    packet.attach([strings[0] for strings in out["strings"]])
    return codec.decompress(out["strings"], out["shape"])["x_hat"]


def read_image(codec: Any, size: tuple[int, int], packet: PacketReader) -> Tensor:
    """x_hat (1, 3, *size), from the stream of `packet` or from those attached to it."""
    if (
        isinstance(codec, CodesIntoPackets) and not packet.has_attached
    ):  # they are in files from before codecs had `write`
        return codec.read(size, packet)
    strings = packet.attached()
    shape = (size[0] // codec.downsampling, size[1] // codec.downsampling)
    try:
        return codec.decompress([[string] for string in strings], shape)["x_hat"]
    except (IndexError, AssertionError) as error:
        raise StreamError(f"the frame holds {len(strings)} streams of an image codec, not what it writes.") from error
