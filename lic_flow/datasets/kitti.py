"""KITTI 2012 and 2015: a car's view of roads, flow measured by a laser scanner where it reaches.

A. Geiger, P. Lenz, R. Urtasun: "Are we ready for autonomous driving?", CVPR 2012; M. Menze, A. Geiger: "Object scene
flow for autonomous vehicles", CVPR 2015.
"""

from pathlib import Path

from lic_flow.datasets.pairs import Pair, chosen, existing, folder, some
from lic_flow.datasets.published import published


@published("kitti2012")
def kitti2012(root: str | Path, split: str = "train") -> list[Pair]:
    """194 pairs to train on, 195 to test without ground truth. ``split``: train or test.

    training/colored_0/000000_10.png   and 000000_11.png
    training/flow_occ/000000_10.png    all ground truth
    training/flow_noc/000000_10.png    without what the second picture does not show; used where the folder is there
    testing/colored_0/000000_10.png    and 000000_11.png

    ``Pair.name`` is ``000000_10``.
    """
    return _kitti(root, split, "colored_0", "KITTI 2012")


@published("kitti2015")
def kitti2015(root: str | Path, split: str = "train") -> list[Pair]:
    """200 pairs to train on, 200 to test without ground truth. ``split``: train or test.

    training/image_2/000000_10.png     and 000000_11.png; the multi-view extension's other frames are not used
    training/flow_occ/000000_10.png    all ground truth
    training/flow_noc/000000_10.png    without what the second picture does not show; used where the folder is there
    testing/image_2/000000_10.png      and 000000_11.png

    ``Pair.name`` is ``000000_10``.
    """
    return _kitti(root, split, "image_2", "KITTI 2015")


def _kitti(root: str | Path, split: str, camera: str, of: str) -> list[Pair]:
    part = chosen(split, {"train": "training", "test": "testing"}, f"split of {of}")
    pictures = folder(root, part, camera, of=of)
    flows = folder(root, part, "flow_occ", of=of) if split == "train" else None
    unoccluded = pictures.parent / "flow_noc"
    pairs = []
    for first in sorted(pictures.glob("*_10.png")):
        second = existing(first.with_name(first.name.replace("_10.", "_11.")), of)
        if flows is None:
            pairs.append(Pair(first.stem, first, second, None))
            continue
        flow = existing(flows / first.name, of)
        seen = existing(unoccluded / first.name, of) if unoccluded.is_dir() else None
        pairs.append(Pair(first.stem, first, second, flow, unoccluded=seen))
    return some(pairs, pictures, of)
