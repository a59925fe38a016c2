"""The file of a photograph with a refined latent, if it is better by what training minimises."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.functional import pad

from common.capabilities import CodesInLevels
from common.coding.codec_files import repeatable_convolutions, to_input
from common.entropy.container import unpack
from common.errors import LicError
from common.metrics.image import psnr_of_pictures
from common.run.targets import instantiate_harmless
from lic_image.distortions import usual
from lic_image.distortions.contract import Distortion
from lic_image.distortions.roi import ROI
from lic_image.focus import Focus
from lic_image.rate import Gains
from lic_image.refine import refined

if TYPE_CHECKING:
    from lic_image.files import ImageFiles


def refined_file(
    files: ImageFiles, rgb: np.ndarray, grey: bool, data: bytes, steps: int, focus: Focus | None = None
) -> tuple[bytes, str]:
    """`data`, or a file of the same operating point with a latent that `steps` have improved, whichever costs less.

    With `focus` the squared error counts less outside of its region, whatever the codec was trained by.

    Returns:
        The bytes, and what was gained, in words to be put behind their number.
    """
    setting = unpack(data, max_pixels=2**62).header.setting
    lmbda, distortion = _objective(files, setting, focus)
    if min(rgb.shape[:2]) < distortion.least_side:
        return data, f", not refined: {distortion.unit} needs {distortion.least_side} pixels at the shorter side"
    x = to_input(rgb, files.codec.downsampling, files.device)
    started = time.perf_counter()
    with files.at(setting), repeatable_convolutions():
        y = refined(files.codec, x, lmbda, distortion, steps, _context(files, focus, x.shape[-2:]))
    better = files.encode(rgb, grey, setting, y)
    seconds = time.perf_counter() - started
    context = _context(files, focus, rgb.shape[:2])
    (before, psnr_before), (after, psnr_after) = (
        _cost(files, rgb, each, lmbda, distortion, context) for each in (data, better)
    )
    if not after < before:
        return data, f", not improved by {steps} steps in {seconds:.1f} s"
    bits = 100 * (len(better) / len(data) - 1)
    gained = f"{bits:+.1f} % bits, {psnr_after - psnr_before:+.2f} dB".replace("-", "−")
    return better, f", refined by {steps} steps in {seconds:.1f} s: {gained}"


def _context(files: ImageFiles, focus: Focus | None, size: Sequence[int]) -> dict[str, Tensor]:
    """What the distortion is told beside the pictures, of `size`: padded ones, or the photograph's own."""
    if focus is None:
        return {}
    roi, (height, width) = focus.roi().to(files.device), focus.region.shape
    return {"roi": pad(roi, (0, size[1] - width, 0, size[0] - height), mode="replicate")}


def _objective(files: ImageFiles, setting: int | None, focus: Focus | None) -> tuple[float, Distortion]:
    """λ and the distortion that the codec was trained by."""
    if files.run is None or files.run.get("lmbda") is None:
        raise LicError("--refine needs to know λ: give the folder of the training run as --checkpoint.")
    if isinstance(files.codec, CodesInLevels):
        raise LicError(f"--refine is not for '{files.model}', which codes in levels.")
    gains = getattr(files.codec, "rate_gains", None)
    lmbda = gains.lmbda_of(setting) if isinstance(gains, Gains) and setting is not None else float(files.run.lmbda)
    loss = files.run.model.distortion
    if focus is not None:
        in_mse = instantiate_harmless(loss).in_mse if OmegaConf.is_config(loss) else usual(loss).in_mse
        return lmbda / in_mse, ROI(focus.outside)
    distortion = instantiate_harmless(loss) if OmegaConf.is_config(loss) else usual(loss)
    if isinstance(distortion, ROI):
        raise LicError(f"--refine needs --roi for '{files.model}', which weighs errors by a region of interest.")
    return lmbda, distortion.to(files.device)


@torch.inference_mode()
def _cost(
    files: ImageFiles,
    rgb: np.ndarray,
    data: bytes,
    lmbda: float,
    distortion: Distortion,
    context: dict[str, Tensor],
) -> tuple[float, float]:
    """bpp + λ·distortion of the decoded 8-bit picture, and its PSNR."""
    decoded = files.decode(data).rgb
    x, x_hat = (to_input(p, 1, files.device) for p in (rgb, decoded))
    lost = distortion(x_hat, x, context).item()
    return 8 * len(data) / (rgb.shape[0] * rgb.shape[1]) + lmbda * lost, psnr_of_pictures(rgb, decoded)
