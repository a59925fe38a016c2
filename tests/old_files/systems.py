"""Very narrow codecs, made alike by the present code and by that of earlier commits."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.compressai_zoo import JointAutoregressive
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.swift import Swift

if TYPE_CHECKING:  # earlier commits have none
    from lic_video.parts.protocols import CodesMaps


class OneConvolution(nn.Module):
    """A flow network of one layer."""

    multiple = 1

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(6, 2, 5, padding=2)

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        return [8 * self.layer(torch.cat([first, second], 1))]


def swift() -> Swift:
    return Swift(M=6, N=4, Z=2, blocks=1, slices=(3,))


def part(name: str) -> Any:
    """The module of a video codec's part; earlier commits have `lic_video.stages`, or none."""
    return import_module(f"lic_video.{'parts' if find_spec('lic_video.parts') else 'stages'}.{name}")


def predictive(dras: bool, residual: CodesMaps, structure: str) -> nn.Module:
    from lic_video.codecs.skeleton import PredictiveCodec
    from lic_video.gop import Gop
    from lic_video.layers.residual_block import ResidualBlock

    return PredictiveCodec(
        part("motion_estimation").MotionEstimation(OneConvolution()),
        part("motion_codec").motion_codec(N=4, M=6, hyper=4, dras=dras, means=dras),
        part("motion_compensation").MotionCompensation(ResidualBlock, (4, 4, 4)),
        residual,
        part("artifact_reduction").Sum(),
        swift(),
        Gop(3, structure),  # type: ignore[arg-type]
    )


def dvc() -> nn.Module:
    return predictive(False, part("residual_codec").residual_codec(N=4, M=6, hyper=4), "uni")


def ofmc() -> nn.Module:
    return predictive(True, part("residual_codec").ImageAsResidualCodec(swift()), "bi")


def ssf2020() -> nn.Module:
    from lic_video.codecs.ssf2020 import SSF2020
    from lic_video.gop import Gop

    return SSF2020(Gop(3), N=4, M=6)


IMAGES: dict[str, Callable[[], nn.Module]] = {
    "factorized": lambda: Factorized(4, 6),
    "mean_hyperprior": lambda: MeanHyperprior(4, 6),
    "swift": swift,
    "adjacent": lambda: Adjacent(4, 6, refinement=None),
    "mbt2018": lambda: JointAutoregressive(4, 6),
}
CLIPS: dict[str, Callable[[], nn.Module]] = {"dvc": dvc, "ofmc": ofmc, "ssf2020": ssf2020}


def codec_of(system: str) -> nn.Module:
    """An untrained codec of IMAGES or CLIPS, in evaluation mode."""
    torch.manual_seed(0)
    return {**IMAGES, **CLIPS}[system]().eval()
