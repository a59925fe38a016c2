"""Photograph <-> .lic file. Padding, cropping, rounding to 8 bits and the container are done here, once."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from compressai.entropy_models import EntropyModel
from compressai.models import CompressionModel
from torch import Tensor

from common.capabilities import Adjustable, CodesInLevels
from common.coding.codec_files import CodecFiles, arithmetic, repeatable_convolutions, to_input, to_picture
from common.data.image_io import read_picture, write_picture
from common.data.regions import typed
from common.entropy.container import IMAGE, INCONSISTENT, MAX_PIXELS, Header, Level, pack, unpack
from common.entropy.exact import NotExactError
from common.entropy.rules import PRESENT, coding_by, of_image
from common.entropy.streams import symbol_checksum
from common.entropy.tables import TableModel
from common.errors import LicError, StreamError
from common.io import write_atomically
from lic_image.codecs.compressai_zoo import adopted
from lic_image.focus import Focus
from lic_image.latents import latent
from lic_image.operating_points import Wish, coded


class Decoded(NamedTuple):
    """What a file holds.

    Attributes:
        rgb: uint8 (H, W, 3).
        grey: whether the photograph had no colour.
        level, levels: so many of the levels of the whole file were decoded; None of a file without levels.
        cut: whether the file ends within a level, which was left out.
    """

    rgb: np.ndarray
    grey: bool
    level: int | None = None
    levels: int | None = None
    cut: bool = False


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
    def encode(self, rgb: np.ndarray, grey: bool = False, setting: int | None = None, y: Tensor | None = None) -> bytes:
        """uint8 (H, W, 3) -> the bytes of a .lic file.

        Args:
            setting: the operating point of an `Adjustable` codec; None for its default.
            y: the latent in place of the codec's own (`lic_image.refine`).
        """
        height, width = rgb.shape[:2]
        adjustable, in_levels = isinstance(self.codec, Adjustable), isinstance(self.codec, CodesInLevels)
        if adjustable and setting is None:
            setting = self.codec.setting.default
        by = nullcontext() if y is None else latent(self.codec, y)
        with self.at(setting), coding_by(self.rules), repeatable_convolutions(), by:
            x = to_input(rgb, self.codec.downsampling, self.device)
            levels = [*self._coded(self.codec.compress_levels(x) if in_levels else self._in_one(x))]
        many = self.codec.levels if in_levels else None
        exact = self.rules.exact
        return pack(Header(IMAGE, self.model, self.digest, width, height, grey, exact, setting, many), levels)

    def at(self, setting: int | None) -> AbstractContextManager[None]:
        """Inside, the codec works at the operating point `setting`; None for a codec that has no other."""
        return nullcontext() if setting is None else self.codec.at(setting)

    def operating_point(self, source: Path) -> str:
        """A line on the operating point that the file `source` was written at, as it is typed.

        Raises:
            StreamError: it is damaged, or another codec's.
            LicError: it cannot be read, or its codec has one operating point.
        """
        header = unpack(read_bytes(source), max_pixels=sys.maxsize).header
        self.check_writer(header.model, header.digest)
        self._check_header(header)
        if header.setting is None:
            return super().operating_point(source)
        known = self.codec.setting
        return f"  typed    --{known.name.replace('_', '-')} {header.setting * known.step:g}"

    def _in_one(self, x: Tensor) -> Iterator[list[bytes]]:
        yield [strings[0] for strings in self.codec.compress(x)["strings"]]

    @staticmethod
    def _coded(levels: Iterator[list[bytes]]) -> Iterator[Level]:
        """Each level with the checksum of what it decodes to."""
        while True:
            with symbol_checksum() as checksum:
                streams = next(levels, None)
            if streams is None:
                return
            yield Level(streams, checksum.value)

    @torch.inference_mode()
    def decode(
        self, data: bytes, max_pixels: int = MAX_PIXELS, exact: bool = False, level: int | None = None
    ) -> Decoded:
        """The bytes of a .lic file -> the picture; raises StreamError for anything but a whole file of this model.

        Args:
            exact: its pixels in exact arithmetic, the same on every machine, slowly.
            level: decode so many levels at most, of a file that is made of levels.

        Raises:
            LicError: `level` is given and the file has none.
        """
        header, levels, version, cut = unpack(data, max_pixels, level)
        if level is not None and header.levels is None:
            raise LicError("--level is for files that are made of levels, and this one is not: leave it out.")
        self.check_writer(header.model, header.digest)
        self._check_header(header)
        step = self.codec.downsampling
        shape = (-(-header.height // step), -(-header.width // step))
        rules = of_image(version, header.exact)
        with self.at(header.setting), coding_by(rules), symbol_checksum() as checksum, repeatable_convolutions():
            try:
                with arithmetic(exact):
                    x_hat = self._decompress(header, levels, shape)["x_hat"]
            except (IndexError, AssertionError) as error:
                count = sum(len(each.streams) for each in levels)
                raise StreamError(f"the file holds {count} streams, not what '{self.model}' writes.") from error
        if checksum.value != sum(each.symbols for each in levels) % 2**32:
            raise StreamError(
                "the decoded symbols are not the ones that were written: the file is damaged"
                + ("." if header.exact else _OR_FLOATS)
            )
        decoded = Decoded(to_picture(x_hat, header.height, header.width), header.grey)
        return decoded if header.levels is None else decoded._replace(level=len(levels), levels=header.levels, cut=cut)

    def _decompress(self, header: Header, levels: Sequence[Level], shape: tuple[int, int]) -> dict[str, Tensor]:
        if header.levels is not None:
            return self.codec.decompress_levels([level.streams for level in levels], shape)
        return self.codec.decompress([[stream] for stream in levels[0].streams], shape)

    def _check_header(self, header: Header) -> None:
        """A file that says of its codec what is not so was made by hand."""
        most = self.codec.levels if isinstance(self.codec, CodesInLevels) else None
        fits = header.levels == most
        if isinstance(self.codec, Adjustable):
            known = self.codec.setting
            fits = fits and header.setting is not None and known.least <= header.setting <= known.most
        else:
            fits = fits and header.setting is None
        if not fits:
            raise StreamError(INCONSISTENT)

    def compress_file(
        self,
        source: Path,
        target: Path,
        background: str | None = None,
        quality: float | None = None,
        max_error: int | None = None,
        levels: int | None = None,
        target_bpp: float | None = None,
        target_psnr: float | None = None,
        refine: int | None = None,
        roi: Sequence[str] | None = None,
        outside: float | None = None,
    ) -> list[str]:
        """Write `target`; returns sentences on what was done to the picture before coding, and on the file.

        Args:
            background: what transparent pixels are put on.
            quality, max_error: the operating point of a codec whose `setting` is called so.
            levels: write the first so many levels, for a codec that writes levels.
            target_bpp, target_psnr: look for the operating point, or the number of levels, with at most so many bits
                per pixel, or with at least so many dB.
            refine: look for a better latent of this photograph in so many steps (`lic_image.refine`).
            roi: regions of interest, as `common.data.regions.typed` has them.
            outside: what counts outside of them, 0.1 without a word.
        """
        picture = read_picture(source, background)
        if outside is not None and not roi:
            raise LicError("--outside is what counts outside of a region: give the region by --roi.")
        focus = Focus(typed(roi, picture.rgb), 0.1 if outside is None else outside) if roi else None
        wish = Wish({"quality": quality, "max_error": max_error}, levels, target_bpp, target_psnr, refine, focus)
        data, said = coded(self, picture.rgb, picture.grey, wish)
        write_atomically(target, data)
        height, width = picture.rgb.shape[:2]
        size = f"{target}: {width}x{height}, {len(data)} bytes, {8 * len(data) / (width * height):.4f} bpp{said}"
        return [*picture.notes, size]

    def decompress_file(
        self,
        source: Path,
        target: Path,
        max_pixels: int = MAX_PIXELS,
        exact: bool = False,
        level: int | None = None,
    ) -> list[str]:
        """Write the picture in `source` to `target` (a lossless format); `exact` and `level` as in `decode`."""
        decoded = self.decode(read_bytes(source), max_pixels, exact, level)
        write_picture(target, decoded.rgb, decoded.grey)
        notes = [f"{source} ends within level {(decoded.level or 0) + 1}, which is left out."] if decoded.cut else []
        of_levels = f", level {decoded.level} of {decoded.levels}" if decoded.levels else ""
        return [*notes, f"{target}: {decoded.rgb.shape[1]}x{decoded.rgb.shape[0]}{of_levels}"]


_OR_FLOATS = (
    ", or this machine computes differently from the one that wrote it, without exact arithmetic (decode with the same "
    "device and torch)."
)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
