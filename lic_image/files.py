"""Photograph <-> .lic file. Padding, cropping, rounding to 8 bits and the container are done here, once."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from compressai.entropy_models import EntropyModel
from compressai.models import CompressionModel

from common.coding.codec_files import CodecFiles, arithmetic, repeatable_convolutions, to_input, to_picture
from common.data.image_io import read_picture, write_picture
from common.entropy.container import IMAGE, MAX_PIXELS, Header, pack, unpack
from common.entropy.exact import NotExactError
from common.entropy.rules import PRESENT, coding_by, of_image
from common.entropy.streams import symbol_checksum
from common.entropy.tables import TableModel
from common.errors import LicError, StreamError
from common.io import write_atomically
from lic_image.codecs.compressai_zoo import adopted


class Decoded(NamedTuple):
    """`rgb` uint8 (H, W, 3); `grey` where the photograph had no colour."""

    rgb: np.ndarray
    grey: bool


class ImageFiles(CodecFiles):
    """Codes photographs with one image codec, CompressAI's own included; arguments as of `CodecFiles`."""

    codec: CompressionModel

    def __init__(self, codec: CompressionModel, model: str) -> None:
        codec = adopted(codec)
        models = [module for module in codec.modules() if isinstance(module, EntropyModel)]
        if not all(isinstance(module, TableModel) for module in models):
            codec.update()  # entropy models of a user's own build their tables when told to
        super().__init__(codec, model)
        self.rules = PRESENT._replace(exact=self._exact())

    @torch.inference_mode()
    def _exact(self) -> bool:
        """Whether the codec's parameters can be computed in exact arithmetic, tried on the smallest picture."""
        if getattr(self.codec, "parameter_networks", None) == ():  # a codec of ours
            return True
        step = self.codec.downsampling
        try:
            self.codec.compress(torch.zeros(1, 3, step, step, device=self.device))
        except NotExactError as error:
            warnings.warn(
                f"'{self.model}' is coded in floating point, so that its files decode only on the kind of machine that "
                f"wrote them: {error}",
                stacklevel=4,
            )
            return False
        return True

    @torch.inference_mode()
    def encode(self, rgb: np.ndarray, grey: bool = False) -> bytes:
        """uint8 (H, W, 3) -> the bytes of a .lic file."""
        height, width = rgb.shape[:2]
        with coding_by(self.rules), symbol_checksum() as checksum, repeatable_convolutions():
            out = self.codec.compress(to_input(rgb, self.codec.downsampling, self.device))
        header = Header(IMAGE, self.model, self.digest, width, height, grey, self.rules.exact)
        return pack(header, [strings[0] for strings in out["strings"]], checksum.value)

    @torch.inference_mode()
    def decode(self, data: bytes, max_pixels: int = MAX_PIXELS, exact: bool = False) -> Decoded:
        """The bytes of a .lic file -> the picture; raises StreamError for anything but a whole file of this model.

        `exact`: its pixels in exact arithmetic, the same on every machine, slowly.
        """
        header, streams, symbols, version = unpack(data, max_pixels)
        self.check_writer(header.model, header.digest)
        step = self.codec.downsampling
        shape = (-(-header.height // step), -(-header.width // step))
        with coding_by(of_image(version, header.exact)), symbol_checksum() as checksum, repeatable_convolutions():
            try:
                with arithmetic(exact):
                    x_hat = self.codec.decompress([[stream] for stream in streams], shape)["x_hat"]
            except (IndexError, AssertionError) as error:
                raise StreamError(f"the file holds {len(streams)} streams, not what '{self.model}' writes.") from error
        if checksum.value != symbols:
            raise StreamError(
                "the decoded symbols are not the ones that were written: the file is damaged"
                + ("." if header.exact else _OR_FLOATS)
            )
        return Decoded(to_picture(x_hat, header.height, header.width), header.grey)

    def compress_file(self, source: Path, target: Path, background: str | None = None) -> list[str]:
        """Write `target`; returns sentences on what was done to the picture before coding."""
        picture = read_picture(source, background)
        data = self.encode(picture.rgb, picture.grey)
        write_atomically(target, data)
        height, width = picture.rgb.shape[:2]
        size = f"{target}: {width}x{height}, {len(data)} bytes, {8 * len(data) / (width * height):.4f} bpp"
        return [*picture.notes, size]

    def decompress_file(
        self, source: Path, target: Path, max_pixels: int = MAX_PIXELS, exact: bool = False
    ) -> list[str]:
        """Write the picture in `source` to `target` (a lossless format); `exact` as in `decode`."""
        decoded = self.decode(read_bytes(source), max_pixels, exact)
        write_picture(target, decoded.rgb, decoded.grey)
        return [f"{target}: {decoded.rgb.shape[1]}x{decoded.rgb.shape[0]}"]


_OR_FLOATS = (
    ", or this machine computes differently from the one that wrote it, without exact arithmetic (decode with the same "
    "device and torch)."
)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
