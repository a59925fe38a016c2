"""`classical`: JPEG, WebP, AVIF or JPEG XL behind the contract of our codecs; its one stream is a file of the format.

    forward       the real codec's pixels and bits, also in training; gradients are estimated (`envelope.stand_in`)
    compress      [[the bytes of the file]]
    decompress    the pixels of the file

It is made to be the inner codec of `enveloped`, and has nothing to learn by itself. Its quality is its operating point:
`lic compress --quality Q`, and a curve by protocol=image_levels. Pixels are those that the library
decodes, of whatever version is installed: two versions of libjpeg may differ by a level. Nothing in a `.lic` file
depends on them: its checksum of the symbols is over the bytes of this stream.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import numpy as np
import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.baselines.codecs import CODECS, Codec, PillowCodec
from common.baselines.hevc import SIZE
from common.baselines.records import made_by
from common.baselines.sides import coded_side
from common.capabilities import Setting
from common.coding.codec_files import to_picture
from common.entropy.streams import note_foreign
from common.errors import LicError, StreamError
from common.randomness import rand_for_batch
from lic_image.envelope import stand_in
from lic_image.envelope.declared_size import Size, sizes

# By name, the least quality; the greatest is 100. FFmpeg's libjxl takes distances up to 15, cjxl up to 25.
LEAST = {"jpeg": 1, "jpeg444": 1, "webp": 1, "avif": 1, "jpegxl": 11}


class Classical(CompressionModel):
    """Args:
        name: one of `LEAST`, as `lic bench --codecs` has them.
        quality: of the codec, in evaluation and in files, if no other is asked for.
        trained_qualities: least and most; in training each picture gets one between them by chance. None: `quality`.
        gradient: what stands for the gradient of its pixels, see `envelope.stand_in`.

    Raises:
        LicError: there is no such codec here, or no such quality.
    """

    downsampling = 16
    parameter_networks = ()

    def __init__(
        self,
        name: str,
        quality: int,
        trained_qualities: tuple[int, int] | None = None,
        gradient: stand_in.Gradient = "identity",
    ) -> None:
        super().__init__()
        self.file_codec = usable(name)
        self.quality = quality
        self.trained_qualities = (quality, quality) if trained_qualities is None else tuple(trained_qualities)
        ends = (quality, *self.trained_qualities)
        if not all(isinstance(end, int) and LEAST[name] <= end <= 100 for end in ends) or ends[1] > ends[2]:
            raise LicError(
                f"qualities of {name} are whole numbers from {LEAST[name]} to 100, the least first: "
                f"inner.codec.quality is {quality} and inner.codec.trained_qualities {list(ends[1:])}."
            )
        self.setting = Setting("quality", LEAST[name], 100, quality, _curve(ends[1], ends[2]))
        if gradient not in get_args(stand_in.Gradient):
            known = " or ".join(get_args(stand_in.Gradient))
            raise LicError(f"inner.codec.gradient is {known}, not {gradient!r}.")
        self.gradient: stand_in.Gradient = gradient
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)  # tells the device: it has no other parameter

    @contextmanager
    def at(self, value: int) -> Iterator[None]:
        """Inside, it codes at the quality `value`, and decodes what was coded so."""
        own, self.quality = self.quality, value
        try:
            yield
        finally:
            self.quality = own

    def forward(self, x: Tensor) -> dict[str, Any]:
        """As of every codec, and "quality": (B,) in 0 to 1."""
        qualities = self._qualities(len(x))
        files = [self._write(picture, quality) for picture, quality in zip(x, qualities)]
        decoded = torch.cat([self._read(file, x.shape[-2:]) for file in files]).to(x)
        told = torch.tensor(qualities, dtype=x.dtype, device=x.device)
        size = torch.tensor([8.0 * len(file) for file in files], device=x.device)
        bits = stand_in.coefficient_bits(x, told, size)
        return {
            "x_hat": stand_in.pixels(x, decoded, told, self.gradient),
            "likelihoods": {"file": torch.exp2(-bits)},
            "quality": told / 100,
        }

    def compress(self, x: Tensor) -> dict[str, Any]:
        step = self.downsampling
        files = [self._write(picture, self.quality) for picture in x]
        for file in files:
            note_foreign(file, decoded=False)
        return {"strings": [files], "shape": (x.shape[2] // step, x.shape[3] // step)}

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        if len(strings) != 1:
            raise StreamError(f"a picture holds {len(strings)} streams, where {self.file_codec.title} writes 1.")
        for file in strings[0]:
            note_foreign(file, decoded=True)
        size = (shape[0] * self.downsampling, shape[1] * self.downsampling)
        x_hat = torch.cat([self._read(file, size) for file in strings[0]]).to(self.place.device)
        return {"x_hat": x_hat, "quality": torch.full((len(x_hat),), self.quality / 100, device=x_hat.device)}

    def _qualities(self, count: int) -> list[int]:
        if not self.training:
            return [self.quality] * count
        least, most = self.trained_qualities
        return [least + int(drawn * (most - least + 1)) for drawn in rand_for_batch((count,)).tolist()]

    def _write(self, x: Tensor, quality: int) -> bytes:
        """x (3, H, W) -> the file; a JPEG of a picture without colour has one component."""
        rgb = to_picture(x.detach()[None], x.shape[1], x.shape[2])
        without_colour = self.file_codec.name.startswith("jpeg") and bool((rgb == rgb[..., :1]).all())
        one_component = without_colour and self.file_codec.name != "jpegxl"
        return self.file_codec.encode(np.ascontiguousarray(rgb[..., 0]) if one_component else rgb, quality)

    def _read(self, file: bytes, size: Any) -> Tensor:
        """The file's picture, (1, 3, *size) in [0, 1]; raises `StreamError` for any other file."""
        try:
            found = declared_size(self.file_codec, file, tuple(size))
            rgb = self.file_codec.decode(file) if found == tuple(size) else None
        except Exception as error:  # Pillow's plugins and ffmpeg raise all kinds on damaged files
            raise StreamError(f"the {self.file_codec.title} stream is damaged ({error}).") from error
        if rgb is None:
            told, wanted = (f"{width}x{height}" for height, width in (found, size))
            raise StreamError(f"the {self.file_codec.title} stream is of {told} pixels, not {wanted}.")
        return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float() / 255


def _curve(least: int, most: int) -> tuple[int, ...]:
    """The qualities of a curve: both ends, and what tens there are between."""
    return tuple(sorted({least, most, *range(-(-least // 10) * 10, most + 1, 10)}))


def programs(codec: nn.Module) -> dict[str, Any]:
    """What a result says of the classical codec within `codec`, if there is one, as `lic bench` does of a baseline."""
    found = [module.file_codec for module in codec.modules() if isinstance(module, Classical)]
    return {"inner_codec": made_by(found[0].encoder, found[0].version, found[0].command)} if found else {}


def declared_size(codec: Codec, file: bytes, wanted: Size) -> Size:
    """Height and width that a file declares, before memory is asked for; where it declares several, one not `wanted`.

    Raises whatever a damaged file leads to.
    """
    if isinstance(codec, PillowCodec):
        declared = sizes(codec.file_format, file)
    else:  # behind our own four bytes with the size, a stream of the size that is coded
        width, height = SIZE.unpack_from(file)
        inside = sizes("JXL", file[SIZE.size :])
        coded = coded_side(height), coded_side(width)
        declared = {(height, width), *(size for size in inside if size != coded)}
    return next(iter(declared - {wanted}), wanted)


def usable(name: str) -> Codec:
    """The codec called `name`; raises `LicError`, with what to install, where it cannot be used."""
    found = [codec for codec in CODECS if codec.name == name and name in LEAST]
    if not found:
        raise LicError(f"there is no inner codec '{name}': choose one of {', '.join(LEAST)}.")
    if reason := found[0].missing():
        raise LicError(reason)
    return found[0]
