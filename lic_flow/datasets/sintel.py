"""MPI-Sintel: frames of an animated film, rendered with and without blur and atmosphere.

D. Butler, J. Wulff, G. Stanley, M. Black: "A naturalistic open source movie for optical flow evaluation", ECCV 2012.
"""

from itertools import pairwise
from pathlib import Path

from lic_flow.datasets.pairs import Pair, chosen, existing, folder, numbered, some
from lic_flow.datasets.published import published

_OF = "MPI-Sintel"


@published("sintel")
def sintel(root: str | Path, split: str = "train", rendering: str = "clean", masked: bool = False) -> list[Pair]:
    """Successive frames of every scene. ``split``: train or test (no ground truth). ``rendering``: clean or final.

    training/clean/alley_1/frame_0001.png        also final
    training/flow/alley_1/frame_0001.flo         to the next frame; none of a scene's last
    training/occlusions/alley_1/frame_0001.png   white: not seen in the next frame; used where the folder is there
    training/invalid/alley_1/frame_0001.png      white: no ground truth; used where `masked`, published figures do not
    test/clean/ambush_1/frame_0001.png           also final

    ``Pair.name`` is ``alley_1/frame_0001``.
    """
    part = chosen(split, {"train": "training", "test": "test"}, "split of MPI-Sintel")
    passes = chosen(rendering, {"clean": "clean", "final": "final"}, "rendering of MPI-Sintel")
    pictures = folder(root, part, passes, of=_OF)
    flows = folder(root, part, "flow", of=_OF) if split == "train" else None
    occlusions, invalid = pictures.parent / "occlusions", pictures.parent / "invalid"
    masks = [occlusions if occlusions.is_dir() else None, invalid if masked and invalid.is_dir() else None]
    pairs = []
    for scene in sorted(path for path in pictures.iterdir() if path.is_dir()):
        frames = numbered(scene.glob("frame_*.png"), _OF).values()
        for first, second in pairwise(frames):
            name = f"{scene.name}/{first.stem}"
            if flows is None:
                pairs.append(Pair(name, first, second, None))
                continue
            files = [mask and existing(mask / f"{name}.png", _OF) for mask in masks]
            pairs.append(Pair(name, first, second, existing(flows / f"{name}.flo", _OF), *files))
    return some(pairs, pictures, _OF)
