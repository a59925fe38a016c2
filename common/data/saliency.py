"""Which part of a picture attracts the eye, estimated without training: the spectral residual.

X. Hou, L. Zhang: "Saliency detection: a spectral residual approach", CVPR 2007. What the amplitude spectrum of natural
pictures has beyond its smooth average is what stands out: S = blur(|F⁻¹(exp(L - mean(L) + iP))|²), with L and P the
logarithm of the amplitude and the phase of a picture of 64 pixels height.
"""

import torch
from kornia.filters import box_blur, gaussian_blur2d
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 64  # pixels of the smaller side, as in the paper; what is smaller stays as it is
LONGEST = 16 * SIDE  # pixels of the longer side: strips are reduced further
SIGMA = 2.5


@torch.no_grad()
def spectral_residual(x: Tensor) -> Tensor:
    """x (B, 3, H, W) in [0, 1] -> (B, 1, H, W), from 0 where nothing stands out to 1 where most does."""
    height, width = x.shape[-2:]
    scale = min(1, SIDE / min(height, width), LONGEST / max(height, width))
    size = (max(8, round(height * scale)), max(8, round(width * scale)))  # the blur reaches 6 pixels beyond an edge
    grey = interpolate(x.float().mean(1, keepdim=True), size, mode="area")
    spectrum = torch.fft.fft2(grey)
    amplitude = spectrum.abs().clamp_min(1e-8).log()
    residual = amplitude - box_blur(amplitude, 3)
    found = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
    found = gaussian_blur2d(found, 13, (SIGMA, SIGMA))
    low, high = found.amin((2, 3), keepdim=True), found.amax((2, 3), keepdim=True)
    found = (found - low) / (high - low).clamp_min(1e-12)
    return interpolate(found, (height, width), mode="bilinear", align_corners=False).clamp(0, 1)
