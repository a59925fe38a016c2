"""FlyingThings3D: rendered objects that fly through space, seen by a stereo rig.

N. Mayer, E. Ilg, P. Häusser and others: "A large dataset to train convolutional networks for disparity, optical flow,
and scene flow estimation", CVPR 2016.
"""

from pathlib import Path

from common.errors import LicError
from lic_flow.datasets.pairs import Pair, chosen, folder, numbered, some
from lic_flow.datasets.published import published

_OF = "FlyingThings3D"
_STEPS = {"into_future": 1, "into_past": -1}


@published("flyingthings3d")
def flyingthings3d(root: str | Path, split: str = "train", rendering: str = "clean") -> list[Pair]:
    """Every pair of successive frames, into the future and into the past, of both cameras, whose flow is there.

    ``split``: train or test. ``rendering``: clean or final.

    frames_cleanpass/TRAIN/A/0000/left/0006.png    to 0015; also frames_finalpass, TEST, B, C, right, and .webp
    optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm      0006 to 0007
    optical_flow/TRAIN/A/0000/into_past/right/OpticalFlowIntoPast_0007_R.pfm         0007 to 0006

    The last frame's flow into the future and the first one's into the past lead to no frame and are left out.
    ``Pair.name`` is ``A/0000/into_future/left/0006``.
    """
    part = chosen(split, {"train": "TRAIN", "test": "TEST"}, "split of FlyingThings3D")
    frames = chosen(
        rendering, {"clean": "frames_cleanpass", "final": "frames_finalpass"}, "rendering of FlyingThings3D"
    )
    pictures = folder(root, frames, part, of=_OF)
    flows = folder(root, "optical_flow", part, of=_OF)
    pairs = []
    for where in sorted(path for path in flows.glob("*/*/*/*") if path.is_dir()):
        sequence, step = where.relative_to(flows), _STEPS.get(where.parent.name)
        if step is None:
            raise LicError(f"{where} is neither in into_future nor in into_past; unpack the flow of {_OF} again.")
        of_camera = folder(pictures, *sequence.parts[:2], sequence.name, of=_OF)
        seen = numbered((path for path in of_camera.iterdir() if path.suffix in (".png", ".webp")), _OF)
        for flow in sorted(where.glob("*.pfm")):
            number = _number(flow)
            if number not in seen:
                raise LicError(f"{_OF} lacks frame {number:04d} in {of_camera}, for {flow}; unpack the set again.")
            if number + step in seen:
                name = f"{sequence.as_posix()}/{number:04d}"
                pairs.append(Pair(name, seen[number], seen[number + step], flow))
    return some(pairs, flows, _OF)


def _number(flow: Path) -> int:
    parts = flow.stem.split("_")
    if len(parts) != 3 or not parts[1].isdecimal():
        raise LicError(f"{flow} is not named as in {_OF}, such as OpticalFlowIntoFuture_0006_L.pfm; rename it.")
    return int(parts[1])
