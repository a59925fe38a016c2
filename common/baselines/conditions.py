"""Under what conditions clips are measured: those of the packaged protocols, and what a measurement changes in them."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

import conf


class Conditions(NamedTuple):
    """How clips are measured; results under different ones are not comparable.

    Attributes:
        protocol: its name.
        gop: frames from one intra frame to the next.
        frames: at most so many from the start of each clip.
        crop: sides are cut at right and below to a multiple of this; None leaves them.
        conversion: the matrix between YUV and RGB, of the clips and of the encoders' 4:2:0, one of `CONVERSIONS`. Range
            and rotation are those that a clip says; 8 bits.
    """

    protocol: str
    gop: int
    frames: int
    crop: int | None = None
    conversion: str = "ffmpeg_default"

    def __str__(self) -> str:
        size = f"cropped to a multiple of {self.crop}" if self.crop else "whole pictures"
        return f"GOP {self.gop}, at most {self.frames} frames, {size}, {self.conversion}"

    def changes(self) -> list[str]:
        """What differs from the packaged protocol, as overrides: `["gop=10"]`; everything where there is none."""
        protocols = video_protocols()
        packaged = protocols[self.protocol]._asdict() if self.protocol in protocols else {"protocol": self.protocol}
        own = {key: value for key, value in self._asdict().items() if key not in packaged or packaged[key] != value}
        return [f"{key}={'null' if value is None else value}" for key, value in own.items()]


@cache
def video_protocols() -> dict[str, Conditions]:
    """The conditions of every packaged protocol of clips, by name, as conf/protocol/NAME.yaml has them."""
    found = {}
    for file in sorted((Path(conf.__file__).parent / "protocol").glob("*.yaml")):
        said: Any = OmegaConf.to_container(OmegaConf.load(file))
        own = {**said["protocol"], "protocol": said["protocol"]["name"]}
        if set(Conditions._fields) <= own.keys():
            found[file.stem] = Conditions(**{field: own[field] for field in Conditions._fields})
    return found
