"""The file of a photograph with a refined latent, if it is better by what training minimises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from omegaconf import OmegaConf

from common.capabilities import CodesInLevels
from common.coding.codec_files import repeatable_convolutions, to_input
from common.entropy.container import unpack
from common.errors import LicError
from common.metrics.image import psnr_of_pictures
from common.run.targets import instantiate_harmless
from lic_image.distortions import usual
from lic_image.distortions.contract import Distortion
from lic_image.rate import Gains
from lic_image.refine import refined

if TYPE_CHECKING:
    from lic_image.files import ImageFiles


def refined_file(files: ImageFiles, rgb: np.ndarray, grey: bool, data: bytes, steps: int) -> tuple[bytes, str]:
    """`data`, or a file of the same operating point with a latent that `steps` have improved, whichever costs less.

    Returns:
        The bytes, and what was gained, in words to be put behind their number.
    """
    setting = unpack(data, max_pixels=2**62).header.setting
    lmbda, distortion = _objective(files, setting)
    x = to_input(rgb, files.codec.downsampling, files.device)
    started = time.perf_counter()
    with files.at(setting), repeatable_convolutions():
        y = refined(files.codec, x, lmbda, distortion, steps)
    better = files.encode(rgb, grey, setting, y)
    seconds = time.perf_counter() - started
    (before, psnr_before), (after, psnr_after) = (_cost(files, rgb, each, lmbda, distortion) for each in (data, better))
    if after >= before:
        return data, f", not improved by {steps} steps in {seconds:.1f} s"
    bits = 100 * (len(better) / len(data) - 1)
    gained = f"{bits:+.1f} % bits, {psnr_after - psnr_before:+.2f} dB".replace("-", "−")
    return better, f", refined by {steps} steps in {seconds:.1f} s: {gained}"


def _objective(files: ImageFiles, setting: int | None) -> tuple[float, Distortion]:
    """λ and the distortion that the codec was trained by."""
    if files.run is None or files.run.get("lmbda") is None:
        raise LicError("--refine needs to know λ: give the folder of the training run as --checkpoint.")
    if isinstance(files.codec, CodesInLevels):
        raise LicError(f"--refine is not for '{files.model}', which codes in levels.")
    gains = getattr(files.codec, "gains", None)
    lmbda = gains.lmbda_of(setting) if isinstance(gains, Gains) and setting is not None else float(files.run.lmbda)
    loss = files.run.model.distortion
    return lmbda, instantiate_harmless(loss) if OmegaConf.is_config(loss) else usual(loss)


@torch.inference_mode()
def _cost(files: ImageFiles, rgb: np.ndarray, data: bytes, lmbda: float, distortion: Distortion) -> tuple[float, float]:
    """bpp + λ·distortion of the decoded 8-bit picture, and its PSNR."""
    decoded = files.decode(data).rgb
    x, x_hat = (to_input(p, 1, files.device) for p in (rgb, decoded))
    lost = distortion(x_hat, x, {}).item()
    return 8 * len(data) / (rgb.shape[0] * rgb.shape[1]) + lmbda * lost, psnr_of_pictures(rgb, decoded)
