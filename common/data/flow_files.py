"""Optical flow on disk, in the three formats in which the published sets come and the benchmark servers take it.

    suffix  format                       unknown flow is         precision
    .flo    Middlebury                   beyond 1e9              float32
    .pfm    FlyingThings3D               NaN                     float32, either byte order
    .png    KITTI, HD1K                  blue is 0               1/64 pixel, from -512 to 512 - 1/64

    .flo    "PIEH" | int32 width, height | float32 u v u v ...            rows from the top, little-endian
    .pfm    "PF", width height, scale: a line each | float32 u v 0 ...    from the bottom; a scale < 0: little-endian
    .png    16-bit RGB: red = 64 u + 2^15, green = 64 v + 2^15, blue = 1 where the flow is known

Sources: Baker and others, "A database and evaluation methodology for optical flow" (2011) and its C code; Debevec's
portable float map; the development kit of KITTI 2015. All hold flow in pixels, u to the right, v down.
"""

import io
import math
import struct
import warnings
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import LicError
from common.io import write_atomically

SUFFIXES = (".flo", ".pfm", ".png")
_UNKNOWN = 1e9  # of .flo: what is larger is not flow
_PIXEL, _ZERO = 64.0, 32768.0  # of .png


class Flow(NamedTuple):
    """``flow``: float32 (2, H, W), pixels, horizontal first, 0 where unknown. ``valid``: bool (H, W), known there."""

    flow: NDArray[np.float32]
    valid: NDArray[np.bool_]


def read_flow(path: str | Path) -> Flow:
    """Reads ``.flo``, ``.pfm`` or KITTI's ``.png``, as the suffix says.

    Raises ``LicError`` for a file that is missing, damaged, of another kind, or not finite where it claims to know.
    """
    path = Path(path)
    suffix = _suffix(path)
    flow = _from_flo(path) if suffix == ".flo" else _from_pfm(path) if suffix == ".pfm" else _from_png(path)
    broken = int((~np.isfinite(flow.flow).all(0) & flow.valid).sum())
    if broken:
        raise LicError(
            f"{path} holds NaN or infinite flow at {broken} of {flow.valid.size} pixels, so it is damaged; "
            "fetch or make it again."
        )
    return Flow(np.ascontiguousarray(np.where(flow.valid, flow.flow, np.float32(0))), flow.valid)


def write_flow(path: str | Path, flow: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> None:
    """Writes ``flow`` (2, H, W) as the suffix says, unknown where ``valid`` (H, W) is false, whole or not at all.

    ``.png`` rounds to 1/64 pixel and clips to its range, as KITTI's own code does; the others keep every bit.
    Raises ``LicError`` for flow that is not finite where it is valid.
    """
    path = Path(path)
    suffix = _suffix(path)
    if flow.ndim != 3 or flow.shape[0] != 2 or flow.size == 0:
        raise ValueError(f"expected flow of shape (2, H, W), got {flow.shape}")
    known = np.ones(flow.shape[1:], np.bool_) if valid is None else valid.astype(np.bool_)
    if known.shape != flow.shape[1:]:
        raise ValueError(f"flow is {flow.shape} but valid is {known.shape}")
    broken = int((~np.isfinite(flow).all(0) & known).sum())
    if broken:
        raise LicError(f"{path} was not written: the flow is NaN or infinite at {broken} of {known.size} pixels.")
    uv = np.ascontiguousarray(flow.transpose(1, 2, 0), np.float32)
    if suffix == ".flo":
        uv[~known] = 10 * _UNKNOWN
        content = b"PIEH" + struct.pack("<ii", uv.shape[1], uv.shape[0]) + uv.astype("<f4").tobytes()
        write_atomically(path, content)
    elif suffix == ".pfm":
        uv[~known] = np.nan
        write_pfm(path, np.concatenate([uv, np.zeros_like(uv[..., :1])], 2))
    else:
        uv[~known] = 0
        levels = np.clip(np.rint(uv.astype(np.float64) * _PIXEL + _ZERO), 0, 65535)
        levels[~known] = 0
        write_atomically(path, _png(np.concatenate([levels, known[..., None]], 2).astype(np.uint16)))


def read_pfm(path: str | Path) -> NDArray[np.float32]:
    """What a portable float map holds, rows from the top: float32 (H, W, 3), or (H, W) of a one-channel file.

    The magnitude of the scale is not applied: no set here uses it. Raises ``LicError`` as ``read_flow``.
    """
    path = Path(path)
    content = _content(path)
    lines = content.split(b"\n", 3)
    kind = lines[0].strip()
    if kind not in (b"PF", b"Pf"):
        raise LicError(f"{path} is not a portable float map: it does not begin with PF or Pf; check the file.")
    try:
        width, height = map(int, lines[1].split())
        scale = float(lines[2])
        pixels = lines[3]
    except (ValueError, IndexError) as error:
        raise LicError(f"{path} has a damaged header and cannot be decoded; fetch or make it again.") from error
    if scale == 0 or not np.isfinite(scale):
        raise LicError(f"{path} has a scale of {scale:g}, whose sign should give the byte order; it is damaged.")
    channels = (3,) if kind == b"PF" else ()
    values = _values(path, pixels, width, height, math.prod(channels), "<f4" if scale < 0 else ">f4")
    return np.ascontiguousarray(values.reshape(height, width, *channels)[::-1])


def write_pfm(path: str | Path, values: NDArray[np.float32]) -> None:
    """Writes float32 (H, W, 3) or (H, W), rows from the top, as a little-endian portable float map."""
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)):
        raise ValueError(f"expected (H, W, 3) or (H, W), got {values.shape}")
    kind = "PF" if values.ndim == 3 else "Pf"
    header = f"{kind}\n{values.shape[1]} {values.shape[0]}\n-1.0\n".encode()
    write_atomically(Path(path), header + values[::-1].astype("<f4").tobytes())


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise LicError(f"{path} does not name a flow file; its suffix must be one of {', '.join(SUFFIXES)}.")
    return suffix


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise LicError(f"{path} is a folder; name a flow file in it.")
    if not path.exists():
        raise LicError(f"{path} does not exist; check the path.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror or error}.") from error


def _values(path: Path, content: bytes, width: int, height: int, channels: int, kind: str) -> NDArray[np.float32]:
    """``content`` as native float32, where its length is what the header promises: nothing is allocated before."""
    if width < 1 or height < 1:
        raise LicError(f"{path} claims a size of {width}x{height} pixels; it is damaged or not a flow file.")
    expected = 4 * channels * width * height
    if len(content) != expected:
        raise LicError(
            f"{path} claims {width}x{height} pixels, which take {expected} bytes, and holds {len(content)}; "
            "it is truncated or damaged, so fetch or make it again."
        )
    return np.frombuffer(content, kind).astype(np.float32)


def _from_flo(path: Path) -> Flow:
    content = _content(path)
    if content[:4] != b"PIEH":  # the float 202021.25
        raise LicError(f"{path} is not a Middlebury flow file: it does not begin with PIEH (202021.25).")
    if len(content) < 12:
        raise LicError(f"{path} ends within its header; it is truncated, so fetch or make it again.")
    width, height = struct.unpack("<ii", content[4:12])
    uv = _values(path, content[12:], width, height, 2, "<f4").reshape(height, width, 2).transpose(2, 0, 1)
    return Flow(uv, ~((np.abs(uv) > _UNKNOWN) & np.isfinite(uv)).any(0))


def _from_pfm(path: Path) -> Flow:
    values = read_pfm(path)
    if values.ndim == 2:
        raise LicError(f"{path} holds one channel, such as a disparity, and not flow, which has two.")
    uv = values[..., :2].transpose(2, 0, 1)
    return Flow(uv, ~np.isnan(uv).any(0))


def _from_png(path: Path) -> Flow:
    content = _content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.open(io.BytesIO(content), formats=["PNG"]).verify()  # sizes and checksums, which FFmpeg lets pass
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LicError(f"{path} claims more pixels than any flow file has ({error}); it is damaged.") from error
    except Exception as error:  # Pillow's plugin raises all kinds on damaged files
        raise LicError(f"{path} is not a PNG file or damaged ({error}); fetch or make it again.") from error
    bits, colour = content[24], content[25]
    if (bits, colour) != (16, 2):
        raise LicError(
            f"{path} is not flow: a PNG file of flow has 16 bits in three channels, as KITTI defines, "
            f"and this one has {bits} bits and colour type {colour}; it may be a picture."
        )
    try:
        decoder = av.CodecContext.create("png", "r")
        frame = (decoder.decode(av.Packet(content)) + decoder.decode(None))[0]
    except (av.FFmpegError, IndexError) as error:
        raise LicError(f"{path} is damaged and cannot be decoded ({error}).") from error
    rgb = frame.to_ndarray(format="rgb48be")
    uv = (rgb[..., :2].astype(np.float32) - np.float32(_ZERO)) / np.float32(_PIXEL)
    return Flow(uv.transpose(2, 0, 1), rgb[..., 2] > 0)


def _png(rgb: NDArray[np.uint16]) -> bytes:
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *rgb.shape[:2], "rgb48be"
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48be")
    return b"".join(bytes(packet) for packet in encoder.encode(frame) + encoder.encode(None))
