"""What training minimises beside the rate: objects of the group `distortion=`.

Each is called with (x_hat, x, context): float (B, 3, H, W), x in [0, 1], x_hat as it was decoded, and the batch and the
codec's output beside them ("roi", "y_hat", …). It gives one number a picture, (B,), and says with

    unit       what λ multiplies, in words
    in_mse     what one of its units is worth in 255² squared errors where λ has its usual values
    least_side in pixels, of a crop

One with networks of its own (a discriminator) prepares them for the codec, and names their parameters and their losses.

`in_mse` is for what depends on the operating point, as starting values do, and to mix distortions; the loss is the
distortion in its own unit. The usual λ of each stand in `conf/distortion/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import LicError

if TYPE_CHECKING:
    from lic_image.distortions.contract import Distortion


def usual(name: str) -> Distortion:
    """The one of the two usual distortions, which configurations call by name: mse, ms_ssim.

    Raises:
        LicError: it is neither.
    """
    from lic_image.distortions.pixels import MSE
    from lic_image.distortions.structure import MSSSIM

    if name not in ("mse", "ms_ssim"):
        raise LicError(f"loss={name} is no loss that a name stands for: choose it by distortion={name}.")
    return MSE() if name == "mse" else MSSSIM()
