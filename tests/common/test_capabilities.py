"""Which of our networks are able to do what."""

from hydra.utils import instantiate
from support import compose

from common.capabilities import CodesIntoPackets, MovesWithLambda, StartsFromData


def test_what_our_codecs_offer() -> None:
    offered = {}
    for model in ("image/swift", "image/mean_hyperprior", "image/stf", "video/ofmc"):
        codec = instantiate(compose(f"model={model}", "size=tiny", "lmbda=0.013").model.codec)
        offered[model] = [
            kind.__name__ for kind in (StartsFromData, MovesWithLambda, CodesIntoPackets) if isinstance(codec, kind)
        ]
    assert offered == {
        "image/swift": ["StartsFromData", "MovesWithLambda", "CodesIntoPackets"],
        "image/mean_hyperprior": ["StartsFromData"],
        "image/stf": [],
        "video/ofmc": ["StartsFromData", "MovesWithLambda"],
    }
