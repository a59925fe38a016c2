"""What the parts of a video codec make of a frame, side by side: uint8 (H, W, 3)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from torch import Tensor

from common.coding.codec_files import to_picture
from common.metrics.image import decibels
from common.viz.flow_colours import flow_picture
from common.viz.panels import Panel, painted, sheet
from lic_video.codecs.contract import Coded

GAIN = 4  # residuals are shown so many times as strong, around grey
CAPTION = (
    "Both flows share a colour wheel whose rim is the fastest motion estimated, at least 1 px. Residuals are shown "
    "four times as strong around grey. Decibels are PSNR against the frame, bits per pixel those of an ideal coder."
)
MAPS = (
    "Features are those behind a block of the motion codec's encoder: root mean squares over channels, each map in a "
    "scale of its own."
)
IN_A_ROW = 4
COLOURS = ScalarMappable(Normalize(0, 1), colormaps["inferno"])  # of maps


def latent_bits(coded: Coded, part: str) -> list[Tensor]:
    """Bits (B, 1, h, w) at every position of each latent of `part`, "motion" or "residual", all channels together."""
    latents = [p for name, p in coded.likelihoods.items() if name.startswith(f"{part}.")]
    return [-p.double().log2().sum(1, keepdim=True) for p in latents]


def part_bpp(coded: Coded, part: str, pixels: int) -> float:
    """What `part` takes, bits per pixel."""
    return float(sum(bits.sum() for bits in latent_bits(coded, part))) / pixels


def frame_sheet(
    rgb: NDArray[np.uint8], reference: Tensor, coded: Coded, maps: Mapping[str, Tensor] | None = None
) -> NDArray[np.uint8]:
    """A P frame and its reference, both flows, the prediction and residual, the frame before and after the artifact
    reduction, what the blocks of the motion codec's encoder do.

    Args:
        rgb: the frame, (H, W, 3).
        reference, coded: what it was predicted from and the forward pass, (1, C, H', W'), H' >= H and W' >= W.
        maps: what `lic_video.watch.watching` saw of the forward pass.
    """
    height, width = rgb.shape[:2]
    made = coded.intermediates
    assert made is not None and made.residual_hat is not None and made.before is not None, "of a whole P frame"

    def picture(x: Tensor) -> NDArray[np.uint8]:
        return to_picture(x, height, width)

    def compared(title: str, x: Tensor) -> Panel:
        return Panel(f"{title}, {decibels(picture(x), rgb)}", picture(x))

    bpp = part_bpp(coded, "residual", height * width)
    first = [
        Panel("frame", rgb),
        compared("reference as it is", reference),
        *flow_panels(rgb, coded),
    ]
    second = [
        compared("reference, warped", made.warped),
        compared("prediction", made.prediction),
        Panel(f"residual, decoded, {bpp:.4f} bpp", picture(0.5 + GAIN * made.residual_hat)),
        compared("sum", made.before),
    ]
    third = [
        Panel("what the reduction adds", picture(0.5 + GAIN * (coded.x_hat - made.before))),
        compared("decoded frame", coded.x_hat),
    ]
    third += [map_panel(name, found, rgb, coded) for name, found in (maps or {}).items()]
    third += -len(third) % IN_A_ROW * [Panel("", np.full_like(rgb, 255))]
    others = [third[i : i + IN_A_ROW] for i in range(0, len(third), IN_A_ROW)]
    return sheet([first, second, *others], f"{CAPTION} {MAPS}" if maps else CAPTION, COLOURS)


def flow_panels(rgb: NDArray[np.uint8], coded: Coded) -> tuple[Panel, Panel]:
    """The flow as it was estimated and as it is decoded, on one colour wheel."""
    height, width = rgb.shape[:2]
    made = coded.intermediates
    assert made is not None, "of a codec of parts"
    flow, flow_hat = (f[0, :, :height, :width].float().cpu().numpy() for f in (made.flow, made.flow_hat))
    speed = float(np.hypot(*flow).max(initial=0.0))
    rim = max(1.0, speed)  # a still scene's noise is pale
    bpp = part_bpp(coded, "motion", height * width)
    return (
        Panel(f"flow, up to {speed:.1f} px", flow_picture(flow, max_speed=rim)),
        Panel(f"flow, decoded, {bpp:.4f} bpp", flow_picture(flow_hat, max_speed=rim)),
    )


def map_panel(name: str, found: Tensor, rgb: NDArray[np.uint8], coded: Coded) -> Panel:
    """A block's map (1, h, w) over the whole frame, from its least value to its largest."""
    value = found[0].float().cpu().numpy()
    least, most = float(value.min()), float(value.max())
    padded = (coded.x_hat.shape[2], coded.x_hat.shape[3])
    picture = painted((value - least) / max(most - least, 1e-9), COLOURS, padded, rgb)
    return Panel(name, picture, ends=(f"{least:.3g}", f"{most:.3g}"))
