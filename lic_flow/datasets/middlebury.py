"""Middlebury: small scenes, photographed with hidden fluorescent texture or rendered.

S. Baker, D. Scharstein, J. Lewis, S. Roth, M. Black, R. Szeliski: "A database and evaluation methodology for optical
flow", International Journal of Computer Vision 92, 2011.
"""

from pathlib import Path

from lic_flow.datasets.pairs import Pair, existing, folder, some
from lic_flow.datasets.published import published

_OF = "Middlebury"


@published("middlebury")
def middlebury(root: str | Path) -> list[Pair]:
    """The pairs with public ground truth: eight in the published set.

    other-data/RubberWhale/frame10.png      and frame11.png
    other-gt-flow/RubberWhale/flow10.flo

    Or pictures and flow in one folder, RubberWhale/frame10.png, frame11.png and flow10.flo. Scenes without flow10.flo
    are left out. ``Pair.name`` is ``RubberWhale``.
    """
    root = folder(root, of=_OF)
    pictures = flows = root
    if (root / "other-data").is_dir() or (root / "other-gt-flow").is_dir():
        pictures, flows = folder(root, "other-data", of=_OF), folder(root, "other-gt-flow", of=_OF)
    pairs = []
    for flow in sorted(flows.glob("*/flow10.flo")):
        first, second = (existing(pictures / flow.parent.name / f"frame{k}.png", _OF) for k in (10, 11))
        pairs.append(Pair(flow.parent.name, first, second, flow))
    return some(pairs, root, _OF)
