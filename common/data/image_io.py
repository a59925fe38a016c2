"""Reading and writing photographs: 8-bit RGB in, 8-bit RGB out, and nothing changed without a word.

What a file holds is either what the array holds, or converted with a note, or refused with a sentence:

    8-bit RGB, palette, YCbCr JPEG         as it is
    grey (1 to 8 bits)                     three equal channels, and ``grey`` set
    EXIF orientation                       applied, noted
    an ICC profile other than sRGB         converted to sRGB, noted (CMYK too, where it carries a profile)
    an opaque alpha channel                dropped, noted
    transparency                           composited over ``background``, noted; refused when there is none
    several pictures in a phone's JPEG     the first (the photograph), noted
    more than 8 bits a channel             refused (Pillow would silently drop the low bits of some of them)
    animations, pages, CMYK, LAB, floats   refused
"""

import contextlib
import io
import os
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageColor, ImageOps, PngImagePlugin, UnidentifiedImageError

from common.errors import LicError
from common.io import write_atomically

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "BMP", "DIB", "PPM")  # JPEG opens MPO too
SUFFIXES = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".webp",
        ".tif",
        ".tiff",
        ".avif",
        ".bmp",
        ".dib",
        ".ppm",
        ".pgm",
        ".pbm",
    )
)
MOST_BITS = "bits per pixel at most"  # what the PNG of a bit map says of its brightest colour
LOSSLESS: dict[str, dict[str, object]] = {  # suffix -> what Pillow is told
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "lossless": True, "exact": True},
    ".tif": {"format": "TIFF", "compression": "tiff_deflate"},
    ".tiff": {"format": "TIFF", "compression": "tiff_deflate"},
    ".bmp": {"format": "BMP"},
    ".ppm": {"format": "PPM"},
}


class Picture(NamedTuple):
    """``rgb``: uint8 (H, W, 3). ``grey``: the file holds one channel. ``notes``: a sentence per conversion made."""

    rgb: NDArray[np.uint8]
    grey: bool
    notes: tuple[str, ...]


def read_picture(path: str | Path, background: str | None = None, content: bytes | None = None) -> Picture:
    """Reads a photograph. ``background``: a colour (``white``, ``#aabbcc``) to put behind transparent pixels.

    ``content``: what the file holds, where that is at hand; ``path`` is then only what to call it.
    Raises ``LicError`` for what is missing, damaged or not an 8-bit picture (see the top of this file).
    """
    path = Path(path)
    notes: list[str] = []
    with _opened(path, content) as image:
        _refuse(path, image, content)
        if image.format == "MPO":
            notes.append(f"{path} holds {getattr(image, 'n_frames', 1)} pictures; the first was taken.")
        if image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9):
            notes.append(f"{path} was turned upright, as its EXIF orientation says.")
        gamma = image.info.get("gamma")
        if gamma and "icc_profile" not in image.info and "srgb" not in image.info and abs(gamma - 1 / 2.2) > 0.01:
            notes.append(f"{path} states a gamma of {gamma:g}, which was ignored: its values were taken as sRGB.")
        profile = image.info.get("icc_profile")
        image.load()
        upright = ImageOps.exif_transpose(image)
        grey = upright.mode in ("1", "L", "LA", "La")
        flat = _without_alpha(path, upright, background, notes)
        if profile:
            flat = _to_srgb(path, flat, profile, notes)
        elif flat.mode == "CMYK":
            raise LicError(f"{path} has CMYK colours and no ICC profile that says which; convert it to RGB first.")
        rgb = np.ascontiguousarray(np.asarray(flat.convert("RGB")))
    grey = grey and bool((rgb == rgb[..., :1]).all())
    return Picture(rgb, grey, tuple(notes))


def write_picture(
    path: str | Path, rgb: NDArray[np.uint8], grey: bool = False, text: Mapping[str, str] | None = None
) -> None:
    """Writes ``rgb`` (H, W, 3) uint8 without loss, in the format that the suffix names, whole or not at all.

    ``grey`` writes one channel, the rounded mean of the three (WebP and PPM get it three times, as they have no grey).
    ``text``: what a PNG is to say of itself, by keyword.
    """
    path = Path(path)
    options = LOSSLESS.get(path.suffix.lower())
    if options is None:
        raise LicError(
            f"{path} cannot be written as '{path.suffix}', which is not one of the lossless formats "
            f"({', '.join(LOSSLESS)}) and would change the decoded pixels; choose one of these."
        )
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"expected uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    if grey:
        mean = ((rgb.sum(2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
        image = Image.fromarray(mean)
        if options["format"] in ("WEBP", "PPM"):
            image = image.convert("RGB")
    else:
        image = Image.fromarray(np.ascontiguousarray(rgb))
    said = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        said.add_text(key, value)
    buffer = io.BytesIO()
    try:
        image.save(buffer, **options, **({"pnginfo": said} if text else {}))  # type: ignore[arg-type]
    except (OSError, ValueError, struct.error) as error:  # WebP ends at 16383 pixels a side, say
        raise LicError(f"{path} cannot be written ({error}); choose another format, such as .png.") from error
    write_atomically(path, buffer.getvalue())


def check_distinct(target: Path, *sources: Path) -> None:
    """Raises ``LicError`` where writing ``target`` would destroy one of ``sources``, under whatever name."""
    for source in sources:
        if target.exists() and source.exists() and target.samefile(source):
            raise LicError(f"{target} is to be read and to be written: name another file to write.")


def missing(path: Path) -> str:
    """In what way there is no file or folder ``path``: a sentence without its end."""
    if os.path.islink(path):
        return f"{path} is a link to {os.readlink(path)}, which does not exist"
    return f"{path} does not exist"


def check_header(path: str | Path) -> tuple[int, int]:
    """Width and height in the file, which its EXIF orientation may exchange; decodes no pixel.

    Raises ``LicError`` where ``read_picture`` would refuse by the header alone.
    """
    with _opened(Path(path)) as image:
        _refuse(Path(path), image)
        if image.mode == "CMYK" and "icc_profile" not in image.info:
            raise LicError(f"{path} has CMYK colours and no ICC profile that says which; convert it to RGB first.")
        return image.size


@contextlib.contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """A Pillow image whose every complaint, within the block, is a ``LicError``."""
    if content is None and os.path.isdir(path):
        raise LicError(f"{path} is a folder; name a picture in it.")
    if content is None and not os.path.exists(path):
        raise LicError(f"{missing(path)}; check the path.")
    if (os.path.getsize(path) if content is None else len(content)) == 0:
        raise LicError(f"{path} is damaged: it has 0 bytes; copy it again, or remove it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large; Pillow refuses twice as large
            warnings.simplefilter("ignore", UserWarning)  # damaged metadata, which is not what is read here
            with Image.open(path if content is None else io.BytesIO(content), formats=FORMATS) as image:
                yield image
    except LicError:
        raise
    except Image.DecompressionBombError as error:
        raise LicError(f"{path} claims more pixels than lic will decode ({error}); cut it into parts.") from error
    except PermissionError as error:
        raise LicError(f"{path} may not be read by this user; check its permissions.") from error
    except UnidentifiedImageError as error:
        raise LicError(f"{path} is not a picture lic can read (PNG, JPEG, WebP, TIFF, AVIF, BMP or PPM).") from error
    except Exception as error:  # Pillow's plugins raise all kinds on damaged files
        raise LicError(f"{path} is damaged and cannot be decoded ({error}).") from error


def _refuse(path: Path, image: Image.Image, content: bytes | None = None) -> None:
    bits = _bits(path, image, content)
    if bits > 8:
        raise LicError(
            f"{path} has {bits} bits a channel and lic codes 8; convert it first, "
            f"for example with 'magick {path.name} -depth 8 out.png'."
        )
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise LicError(f"{path} holds {image.n_frames} frames or pages; lic codes one picture, so extract one first.")  # type: ignore[attr-defined]
    if image.mode in ("LAB", "HSV", "I", "F"):
        raise LicError(f"{path} holds {image.mode} values, not 8-bit RGB; convert it to RGB first.")


def _bits(path: Path, image: Image.Image, content: bytes | None) -> int:
    """Bits a channel in the file: Pillow's mode does not tell, as it drops the low bits of 16-bit RGB."""
    if image.mode.startswith("I;16"):
        return 16
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # type: ignore[attr-defined]
    with path.open("rb") if content is None else io.BytesIO(content) as file:
        head = file.read(1 << 16)
    if image.format == "PNG":
        return head[24]
    if image.format == "AVIF":  # av1C: flags high_bitdepth and twelve_bit of its third byte
        flags = [head[at + 6] for at in _find_all(head, b"av1C") if at + 6 < len(head)]
        return max((12 if f & 0x20 else 10 if f & 0x40 else 8 for f in flags), default=8)
    if image.format == "PPM" and head[:2] in (b"P2", b"P3", b"P5", b"P6"):
        lines = (line.split(b"#")[0] for line in head.splitlines())
        return int(b" ".join(lines).split()[3]).bit_length()
    return 8


def _find_all(text: bytes, word: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _without_alpha(path: Path, image: Image.Image, background: str | None, notes: list[str]) -> Image.Image:
    """``image`` in mode L, RGB or CMYK, its transparency composited over ``background``."""
    if image.mode == "CMYK":
        return image
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    rgba = image.convert("RGBA")
    if np.asarray(rgba.getchannel("A")).min() == 255:
        notes.append(f"{path} has an alpha channel that is opaque everywhere; it was dropped.")
        return rgba.convert("RGB")
    if background is None:
        raise LicError(
            f"{path} is transparent in places; flatten it, or say what is behind it (lic compress --background COLOUR)."
        )
    try:
        behind = ImageColor.getrgb(background)[:3]
    except ValueError as error:
        raise LicError(f"'{background}' is not a colour; write for example white or #aabbcc.") from error
    notes.append(f"{path} is transparent in places; it was laid over {background}.")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (*behind, 255)), rgba).convert("RGB")


def _to_srgb(path: Path, image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Through the file's ICC profile to sRGB; as it is where the profile moves no colour by more than a rounding."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        name = (source.profile.profile_description or "unnamed").strip()
        if space == "GRAY" and image.mode == "RGB":
            image = image.convert("L")  # came with alpha
        elif space == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
        if image.mode != "CMYK":
            steps = np.linspace(0, 255, 16).astype(np.uint8)
            cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(64, 64, 3)
            probe = Image.fromarray(cube if image.mode == "RGB" else cube[..., 0])
            moved = np.asarray(ImageCms.applyTransform(probe, transform), np.int16) - np.asarray(probe.convert("RGB"))
            if np.abs(moved).max() <= 2:
                return image
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # it is not done in place
    except Exception as error:  # lcms's own error types vary
        raise LicError(
            f"{path} carries an ICC profile that cannot be applied to it ({error}); convert the picture to sRGB first."
        ) from error
    notes.append(f"{path} was converted from its ICC profile ({name}) to sRGB.")
    return converted
