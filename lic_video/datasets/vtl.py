"""VTL: the sequences of the Video Trace Library in CIF, such as akiyo, foreman and mobile.

P. Seeling, M. Reisslein: "Video transport evaluation with H.264 video traces", IEEE Communications Surveys and
Tutorials 14, 2012; http://trace.eas.asu.edu/yuv/
"""

import re
from fractions import Fraction
from pathlib import Path

from common.data.sequences import Sequence, folder, videos_below
from common.data.video_files import Clip
from common.errors import LicError

_SIZE = 352, 288


def vtl(root: str | Path) -> list[Sequence]:
    """Every CIF sequence there is, in natural order of paths; ``name`` is ``akiyo``.

    akiyo_cif.yuv    8-bit 4:2:0, 352x288, 30 frames per second; or akiyo_cif.y4m, which says its rate. In ``root`` or
                     below. Files in QCIF and others without _cif in their names are left out.

    The thesis of ``ofmc`` takes 20 of them, of at most 300 frames, and does not name them.
    """
    root = folder(root, "VTL")
    found: dict[str, Sequence] = {}
    for path in videos_below(root):
        name = re.fullmatch(r"(.+)_cif", path.stem, re.IGNORECASE)
        suffix = path.suffix.lower()
        if name is None or suffix not in (".yuv", ".y4m"):
            continue
        if name[1] in found:
            raise LicError(f"{found[name[1]].path} and {path} are both the sequence {name[1]} of VTL; remove one.")
        info = Clip(path, _SIZE if suffix == ".yuv" else None, rate=Fraction(30) if suffix == ".yuv" else None).info
        if info[:2] != _SIZE:
            raise LicError(f"{path} has {info.width}x{info.height} pixels and CIF has 352x288; remove or rename it.")
        found[name[1]] = Sequence(name[1], path, _SIZE if suffix == ".yuv" else None, info.rate)
    if not found:
        raise LicError(f"{root} holds no sequences of VTL, such as akiyo_cif.yuv or akiyo_cif.y4m; check the path.")
    return list(found.values())
