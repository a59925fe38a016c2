"""Pictures as a page carries them: WebP in data URIs."""

import base64
import io
from pathlib import Path

from PIL import ExifTags, Image

from common.data.image_io import MOST_BITS, read_picture
from common.errors import LicError

TURNED = range(5, 9)  # EXIF orientations that swap width and height


def size_of(path: Path, exif: bool = False) -> tuple[int, int] | None:
    """(width, height) from a picture's head, None where there is none; `exif`: as it is seen, which takes longer."""
    try:
        with Image.open(path) as image:
            turned = exif and image.getexif().get(ExifTags.Base.Orientation, 1) in TURNED
            return (image.height, image.width) if turned else (image.width, image.height)
    except (OSError, ValueError):
        return None


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size of a picture scaled down, if need be, to at most `side` pixels a side."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def data_uri(path: Path, side: int, quality: int) -> str:
    """A picture of at most `side` pixels a side; empty where it cannot be read."""
    try:
        return as_uri(Image.fromarray(read_picture(path, background="white").rgb), side, quality)
    except LicError:
        return ""


def as_uri(image: Image.Image, side: int, quality: int) -> str:
    """`image` of at most `side` pixels a side, as WebP in a data URI."""
    small = fitted(image.size, side)
    if small != image.size:
        image = image.resize(small, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=2)  # the slower methods save hardly a byte
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def most_bits(path: Path) -> float | None:
    """Bits per pixel that the brightest colour of a bit map stands for; None where it does not say."""
    try:
        with Image.open(path) as image:
            return float(image.info[MOST_BITS])
    except (OSError, ValueError, KeyError):
        return None
