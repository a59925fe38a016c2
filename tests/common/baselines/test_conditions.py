"""The conditions that classical codecs share with `lic train` and `lic eval`."""

import pytest
from support import compose

from common.baselines.conditions import Conditions, video_protocols


def test_the_published_protocols() -> None:
    assert video_protocols() == {
        "dvc_gop": Conditions("dvc_gop", gop=12, frames=100, crop=64, conversion="ffmpeg_default"),
        "dcvc_ip32": Conditions("dcvc_ip32", gop=32, frames=96, crop=None, conversion="bt709"),
    }


@pytest.mark.parametrize("name", ["dvc_gop", "dcvc_ip32"])
def test_they_are_those_of_evaluations(name: str) -> None:
    protocol = compose("model=video/dvc", f"protocol={name}").protocol
    evaluated = Conditions(protocol.name, protocol.gop, protocol.frames, protocol.crop, protocol.conversion)
    assert evaluated == video_protocols()[name] and evaluated.changes() == []


def test_what_a_measurement_changes() -> None:
    conditions = video_protocols()["dvc_gop"]._replace(gop=10, crop=None)
    assert conditions.changes() == ["gop=10", "crop=null"]
    assert str(conditions) == "GOP 10, at most 100 frames, whole pictures, ffmpeg_default"
    own = Conditions("own", gop=12, frames=100)
    assert own.changes() == ["gop=12", "frames=100", "crop=null", "conversion=ffmpeg_default"]
