"""MCL-JCV: thirty short clips, animation among them.

H. Wang, W. Gan, S. Hu and others: "MCL-JCV: a JND-based H.264/AVC video quality assessment dataset", ICIP 2016.
"""

from pathlib import Path

from common.data.sequences import Sequence, named


def mcl_jcv(root: str | Path) -> list[Sequence]:
    """All thirty clips, 1920x1080, of about 5 s each.

    videoSRC01_1920x1080_30.yuv    to videoSRC30, at 24, 25 or 30 frames per second; in ``root`` or below

    The thesis of ``ofmc`` speaks of 24 clips and does not name them, so its figures are not of the same set.
    """
    return named(root, "MCL-JCV", {f"videoSRC{n:02d}": f"videoSRC{n:02d}_1920x1080_*" for n in range(1, 31)})
