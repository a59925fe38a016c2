"""HD1K: a street seen from a car, at 2560 x 1080 pixels, with flow of known uncertainty.

D. Kondermann, R. Nair, K. Honauer and others: "The HCI benchmark suite: stereo and flow ground truth with uncertainties
for urban autonomous driving", CVPR workshops 2016.
"""

from itertools import groupby
from pathlib import Path

from lic_flow.datasets.pairs import Pair, existing, folder, numbered, some
from lic_flow.datasets.published import published

_OF = "HD1K"


@published("hd1k")
def hd1k(root: str | Path) -> list[Pair]:
    """Successive frames of every sequence whose flow is there.

    hd1k_input/image_2/000000_0000.png       sequence, frame
    hd1k_flow_gt/flow_occ/000000_0000.png    to the next frame; that of a sequence's last frame leads nowhere

    ``Pair.name`` is ``000000_0000``.
    """
    pictures = folder(root, "hd1k_input", "image_2", of=_OF)
    flows = folder(root, "hd1k_flow_gt", "flow_occ", of=_OF)
    pairs = []
    for _, files in groupby(sorted(flows.glob("*_*.png")), lambda path: path.stem.rpartition("_")[0]):
        of_sequence = [(existing(pictures / flow.name, _OF), flow) for flow in files]
        sequence = of_sequence[0][0].stem.rpartition("_")[0]
        frames = numbered(pictures.glob(f"{sequence}_*.png"), _OF)
        for first, flow in of_sequence:
            second = frames.get(int(first.stem.rpartition("_")[2]) + 1)
            if second is not None:
                pairs.append(Pair(first.stem, first, second, flow))
    return some(pairs, flows, _OF)
