"""The configured parts have the methods of their protocols: Hydra builds them, where types are not checked."""

import pytest
from hydra.utils import instantiate
from support import compose

from lic_video.parts.protocols import CodesMaps, CompensatesMotion, EstimatesMotion, ReducesArtifacts

PROTOCOLS = {
    "motion_estimation": EstimatesMotion,
    "motion_codec": CodesMaps,
    "motion_compensation": CompensatesMotion,
    "residual_codec": CodesMaps,
    "artifact_reduction": ReducesArtifacts,
}


@pytest.mark.parametrize("choices", [["model=video/ofmc"], ["model=video/dvc"], ["model=video/ofmc", "residual=image"]])
def test_parts_have_the_methods_of_their_protocols(choices: list[str]) -> None:
    codec = instantiate(compose(*choices, "size=tiny", "lmbda=256").model.codec)
    for name, protocol in PROTOCOLS.items():
        wanted = [m for m in vars(protocol) if m == "__call__" or not m.startswith("_")]
        assert wanted and all(callable(getattr(getattr(codec, name), method, None)) for method in wanted), name
