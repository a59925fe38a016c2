"""Which of its operating points a codec of several rates is to code a photograph at: as it is told, or by a search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from common.capabilities import Adjustable, CodesInLevels, Setting
from common.checks import check_number, check_whole
from common.coding.codec_files import repeatable_convolutions, to_input
from common.entropy.container import pack, unpack
from common.entropy.rules import coding_by
from common.errors import LicError
from lic_image.focus import Focus, check, focused
from lic_image.rate import Gains
from lic_image.watch import Seen, watching

if TYPE_CHECKING:
    from lic_image.files import ImageFiles


class Wish(NamedTuple):
    """What was asked for; None is no wish.

    Attributes:
        settings: value by the name of a setting, as people write it.
        levels: the number of levels to write.
        target_bpp: bits per pixel at most.
        target_psnr: dB at least.
        refine: steps of improving the latent at the operating point that is chosen.
        focus: a region that is worth more bits.
    """

    settings: Mapping[str, float | None]
    levels: int | None = None
    target_bpp: float | None = None
    target_psnr: float | None = None
    refine: int | None = None
    focus: Focus | None = None


def coded(files: ImageFiles, rgb: np.ndarray, grey: bool, wish: Wish) -> tuple[bytes, str]:
    """The bytes of a file as `wish` has it, and how it came to be, in words to be put behind its size.

    Raises:
        LicError: the codec cannot do what is wished, or no operating point of it reaches the target.
    """
    for name, count in (("levels", wish.levels), ("refine", wish.refine)):
        if count is not None:
            check_whole(_option(name), count)
    for name, value in (("target_bpp", wish.target_bpp), ("target_psnr", wish.target_psnr)):
        if value is not None:
            check_number(_option(name), value, above=True)
    if wish.focus is not None:
        check(files, wish.focus, wish.refine is not None)
    with focused(files, wish.focus):
        data, said = _chosen(files, rgb, grey, wish)
        if wish.refine is not None:
            from lic_image.refined_files import refined_file

            data, gained = refined_file(files, rgb, grey, data, wish.refine, wish.focus)
            said += gained
    return data, said + (_both(files, rgb, data, wish.focus) if wish.focus else "")


def _both(files: ImageFiles, rgb: np.ndarray, data: bytes, focus: Focus) -> str:
    from common.metrics.regions import psnr_inside_and_outside

    inside, outside = psnr_inside_and_outside(rgb, files.decode(data).rgb, focus.region)
    return f", PSNR {inside:.2f} dB inside and {outside:.2f} dB outside of the region"


def _chosen(files: ImageFiles, rgb: np.ndarray, grey: bool, wish: Wish) -> tuple[bytes, str]:
    given = {name: value for name, value in wish.settings.items() if value is not None}
    told = [*given, *(["levels"] if wish.levels is not None else [])]
    targets = [name for name in ("target_bpp", "target_psnr") if getattr(wish, name) is not None]
    if len(told) + len(targets) > 1:
        raise LicError(f"give one of {' and '.join(map(_option, [*told, *targets]))}: each of them chooses the rate.")
    if given:
        value = _value(files, *next(iter(given.items())))
        return files.encode(rgb, grey, value), ""
    if wish.levels is not None:
        return _cut(files.encode(rgb, grey), _levels(files, wish.levels)), ""
    if not targets:
        return files.encode(rgb, grey), ""
    if isinstance(files.codec, Adjustable):
        return _searched_setting(files, rgb, grey, wish, files.codec.setting)
    if isinstance(files.codec, CodesInLevels):
        return _searched_level(files, rgb, grey, wish)
    raise LicError(f"{_option(targets[0])} needs a codec of several rates, and '{files.model}' has one: {_SEVERAL}")


_SEVERAL = "train one with rate=gains, or take a model that codes in levels."


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _value(files: ImageFiles, name: str, typed: float) -> int:
    """What a file is to hold for the operating point that was typed."""
    setting = files.codec.setting if isinstance(files.codec, Adjustable) else None
    if setting is None or setting.name != name:
        wanted = "train model=image/near_lossless." if name == "max_error" else _SEVERAL
        other = f"it has one rate: {wanted}"
        if isinstance(files.codec, CodesInLevels):
            other = "it codes in levels, which --levels, --target-bpp and --target-psnr choose."
        if setting is not None:
            other = f"its operating point is {_option(setting.name)}."
        raise LicError(f"{_option(name)} is not for '{files.model}': {other}")
    value = round(typed / setting.step) if isinstance(typed, Real) and math.isfinite(typed) else None
    if value is None or not setting.least <= value <= setting.most or abs(value * setting.step - typed) > 1e-9:
        raise LicError(
            f"{_option(name)} {typed} is not a number between {shown(setting, setting.least)} and "
            f"{shown(setting, setting.most)} in steps of {setting.step:g}."
        )
    return value


def shown(setting: Setting, value: int) -> str:
    """As people write it."""
    return f"{value * setting.step:g}"


def _levels(files: ImageFiles, count: int) -> int:
    if not isinstance(files.codec, CodesInLevels):
        raise LicError(f"--levels is not for '{files.model}', which does not code in levels.")
    if not 1 <= count <= files.codec.levels:
        raise LicError(f"--levels is 1 to {files.codec.levels} for '{files.model}', not {count}.")
    return count


def _cut(data: bytes, levels: int) -> bytes:
    """The file of the first `levels` levels."""
    packet = unpack(data, max_pixels=2**62, levels=levels)
    return pack(packet.header, packet.levels)


def first_levels(data: bytes) -> list[bytes]:
    """Of a file of levels: the files of the first one, the first two, …, all."""
    packet = unpack(data, max_pixels=2**62)
    return [pack(packet.header, packet.levels[: n + 1]) for n in range(len(packet.levels))]


def _searched_setting(
    files: ImageFiles, rgb: np.ndarray, grey: bool, wish: Wish, setting: Setting
) -> tuple[bytes, str]:
    """By bisection, as more bits mean more quality.

    Of a codec that also codes in levels, the first levels of its smallest file are smaller ones.
    """
    rising = setting.curve[-1] >= setting.curve[0]
    values = range(setting.least, setting.most + 1)[:: 1 if rising else -1]
    made: dict[int, bytes] = {}

    def file(place: int) -> bytes:
        if place not in made:
            made[place] = files.encode(rgb, grey, values[place])
        return made[place]

    cuts = first_levels(file(0))[:-1] if isinstance(files.codec, CodesInLevels) else []
    place = _searched(
        len(cuts) + len(values), lambda n: cuts[n] if n < len(cuts) else file(n - len(cuts)), files, rgb, wish
    )
    if place < len(cuts):
        said = f", level {place + 1} of {len(cuts) + 1} at"
        place, data = 0, cuts[place]
    else:
        said, place = ",", place - len(cuts)
        data = file(place)
    said += f" {setting.name.replace('_', ' ')} {shown(setting, values[place])}"
    return data, f"{said}, found in {len(made)} encodings"


def _searched_level(files: ImageFiles, rgb: np.ndarray, grey: bool, wish: Wish) -> tuple[bytes, str]:
    cuts = first_levels(files.encode(rgb, grey))
    place = _searched(len(cuts), cuts.__getitem__, files, rgb, wish)
    return cuts[place], f", level {place + 1} of {len(cuts)}"


def _searched(count: int, file: Callable[[int], bytes], files: ImageFiles, rgb: np.ndarray, wish: Wish) -> int:
    """Which of `count` files, from the fewest bits to the most, is the best within the target."""
    from common.metrics.image import psnr_of_pictures  # starts slowly, and plain coding does without

    pixels = rgb.shape[0] * rgb.shape[1]
    if wish.target_bpp is not None:
        most = wish.target_bpp
        last = _last(count, lambda n: 8 * len(file(n)) / pixels <= most)
        if last < 0:
            least = 8 * len(file(0)) / pixels
            raise LicError(f"--target-bpp {most:g} is not reached: the smallest file has {least:.4f} bpp.")
        return last
    assert wish.target_psnr is not None
    least_db = wish.target_psnr
    first = _last(count, lambda n: psnr_of_pictures(rgb, files.decode(file(n)).rgb) < least_db) + 1
    if first == count:
        best = psnr_of_pictures(rgb, files.decode(file(count - 1)).rgb)
        raise LicError(f"--target-psnr {least_db:g} is not reached: the largest file has {best:.2f} dB.")
    return first


def _last(count: int, holds: Callable[[int], bool]) -> int:
    """The last of 0 … `count` - 1 of which `holds` is true, where it is true of the first ones only; -1 for none."""
    low, high = -1, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


class Coded(NamedTuple):
    """A photograph's file at one operating point.

    Attributes:
        stream: the file.
        seconds: that coding took.
        forward: the evaluation's forward pass, {"x_hat", "likelihoods"}.
        quality: the operating point: of an `Adjustable` codec its setting as people write it, of a `CodesInLevels` one
            the number of levels; None where only one is looked at.
        lmbda: λ of the operating point, where it has one of its own.
        seen: what the codec's blocks did in the forward pass.
    """

    stream: bytes
    seconds: float
    forward: dict[str, Any]
    quality: float | None
    lmbda: float | None
    seen: Seen


def operating_points(files: ImageFiles, rgb: np.ndarray, grey: bool, all_: bool, watched: bool) -> Iterator[Coded]:
    """The photograph at each of the codec's operating points, or only as it is coded without a word.

    Args:
        watched: look at what the codec's blocks do.
    """
    codec: Any = files.codec
    if all_ and isinstance(codec, CodesInLevels):
        started = time.perf_counter()
        cuts = first_levels(files.encode(rgb, grey))
        seconds = time.perf_counter() - started
        with _forward(files, None, watched) as seen:
            forwards = codec.forward_levels(to_input(rgb, files.codec.downsampling, files.device))
        for number, (stream, forward) in enumerate(zip(cuts, forwards), 1):
            yield Coded(stream, seconds, forward, number, None, seen)
        return
    for value in codec.setting.curve if all_ else [None]:
        started = time.perf_counter()
        stream = files.encode(rgb, grey, value)
        seconds = time.perf_counter() - started
        with _forward(files, value, watched) as seen:
            forward = codec(to_input(rgb, codec.downsampling, files.device))
        quality = None if value is None else value * codec.setting.step
        lmbda = _lmbda(codec, value)
        yield Coded(stream, seconds, forward, quality, lmbda, seen)


def _lmbda(codec: Any, value: int | None) -> float | None:
    gains = getattr(codec, "rate_gains", None)
    return gains.lmbda_of(value) if isinstance(gains, Gains) and value is not None else None


@contextmanager
def _forward(files: ImageFiles, value: int | None, watched: bool) -> Iterator[Seen]:
    looking = watching(files.codec) if watched else nullcontext(Seen())
    with files.at(value), coding_by(files.rules), repeatable_convolutions(), looking as seen:
        yield seen
