"""From records of single images to one rate-distortion point, and points to files in CompressAI's layout.

Learned codecs and classical ones share these functions, so that both are averaged in the same way. No torch
here: a report starts quickly.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# key of an image's record -> key of the list in a CompressAI file
RESULT_KEYS = {"bpp": "bpp", "bpp_estimated": "bpp_estimated", "psnr": "psnr-rgb", "ms_ssim": "ms-ssim-rgb"}


class Evaluation(NamedTuple):
    """What a protocol found out about a trained network.

    Attributes:
        points: a figure under each name, of each of the network's operating points; most networks have one.
        details: what else result.json is to hold.
        timing: seconds, which differ from run to run.
    """

    points: Sequence[Mapping[str, float | None]]
    details: Mapping[str, Any]
    timing: Mapping[str, float]


def is_number(value: object) -> bool:
    """Whether it is one, as JSON has them: not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def decibel(v: float) -> float:
    """MS-SSIM `v` in [0, 1] as -10 log10(1 - v) dB; infinite at 1."""
    return math.inf if v >= 1 else -10 * math.log10(1 - v)


def finite(v: float | None) -> float | None:
    """`v` as JSON holds it: infinity (PSNR of equal pictures) and NaN (MS-SSIM of small ones) become None."""
    return float(v) if v is not None and math.isfinite(v) else None


def aggregate(images: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over the images' records, under the keys of CompressAI's "results".

    Each image counts the same, whatever its size: bpp, PSNR and MS-SSIM are computed per image, then
    averaged.

    - MS-SSIM is undefined (None or NaN) for images with a side of 160 pixels or less: they are left out of
      its mean, which is None when nothing is left.
    - PSNR is infinite (or None) for an image that came back unchanged: the mean is then infinite too, hence
      None.
    - A key that no image has is left out.

    Args:
        images: one mapping per image with some of "bpp", "bpp_estimated", "psnr" (dB), "ms_ssim" (0 to 1).

    Returns:
        Means under "bpp", "bpp_estimated", "psnr-rgb", "ms-ssim-rgb".
    """
    if not images:
        raise ValueError("aggregate needs at least one image")
    means: dict[str, float | None] = {}
    for key, result_key in RESULT_KEYS.items():
        if not any(key in image for image in images):
            continue
        values = [finite(image.get(key)) for image in images]
        known = [value for value in values if value is not None]
        if not known or (key != "ms_ssim" and len(known) < len(values)):
            means[result_key] = None
        else:
            means[result_key] = math.fsum(known) / len(known)
    return means


def sequence_record(width: int, height: int, frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A clip's record for `aggregate`, which gives every clip the same weight whatever its length: means over frames.

    Args:
        width, height: pixels of a frame.
        frames: one mapping per frame with "bits" of the coded clip, "psnr" (dB) and "ms_ssim" (0 to 1).
    """
    means = aggregate([{key: frame[key] for key in ("psnr", "ms_ssim")} for frame in frames])
    bits = sum(frame["bits"] for frame in frames)
    return {
        "width": width,
        "height": height,
        "frames": len(frames),
        "bytes": bits // 8,
        "bpp": bits / (width * height * len(frames)),
        "psnr": means["psnr-rgb"],
        "ms_ssim": means["ms-ssim-rgb"],
    }


def results(rows: Sequence[Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    """Points as the lists of CompressAI's "results": `[{"bpp": 1}, {"bpp": 2}]` -> `{"bpp": [1, 2]}`."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key) for row in rows] for key in keys}


def rd_cost(images: Sequence[Mapping[str, Any]], lmbda: float, distortion: str) -> float | None:
    """What training minimises, on whole pictures in 8 bit: bpp + λ·255²·MSE, bpp + λ·(1 - MS-SSIM), or bpp + λ·another
    distortion.

    Args:
        images: "bpp" of each picture and "psnr" (dB, None where nothing was lost) or "ms_ssim" (None for small ones);
            of other distortions "distortion". A picture of a codec of many rates has a "lmbda" of its own.

    Returns:
        The mean over the pictures, each counting the same; None where a picture's distortion is not known.
    """
    lost = [_lost(image, distortion) for image in images]
    if None in lost or not images:
        return None
    costs = [image["bpp"] + image.get("lmbda", lmbda) * d for image, d in zip(images, lost)]
    return sum(costs) / len(costs)


def _lost(image: Mapping[str, Any], distortion: str) -> float | None:
    if distortion == "mse":
        return 255**2 * (0.0 if image["psnr"] is None else 10 ** (-image["psnr"] / 10))
    if distortion == "ms_ssim":
        return None if image["ms_ssim"] is None else 1 - image["ms_ssim"]
    return image.get("distortion")


def cost(result: Mapping[str, Any], distortion: str) -> float | None:
    """`rd_cost` of a result's photographs or clips; None where it is not defined, or the result is not a codec's."""
    if result.get("sequences"):  # λ of video codecs is of pixels in [0, 1]
        return rd_cost(result["sequences"], result["lmbda"] / (255**2 if distortion == "mse" else 1), distortion)
    return rd_cost(result["images"], result["lmbda"], distortion) if result.get("images") else None


def plain(name: object) -> str:
    """A name from a file or the command line as text of one line, without what a terminal or an encoder takes ill."""
    text = str(name).encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
