"""The protocols of video, with a codec of which every figure is known."""

import csv
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from support.clips import video_codec
from torch import Tensor, nn

from common.baselines import video_measure
from common.engine.evaluate import check_kind
from common.entropy.video_container import read_header
from common.errors import LicError
from common.results.points import Evaluation
from lic_image.data import Photographs
from lic_video import evaluate
from lic_video.codecs.contract import Coded, VideoCodec, Written
from lic_video.codecs.skeleton import Intermediates
from lic_video.data import VideoClips
from lic_video.evaluate import VideoProtocol
from lic_video.gop import Gop

SIZE = 21, 35  # height, width
PIXELS = 21 * 35


class Flat(NamedTuple):
    """Frames of one colour each."""

    name: str
    levels: list[int]
    size: tuple[int, int] = SIZE
    rate: Fraction = Fraction(25)
    tick: Callable[[], None] = lambda: None

    def clip(self) -> Iterator[np.ndarray]:
        for level in self.levels:
            self.tick()
            yield np.full((*self.size, 3), level, np.uint8)


class Told(NamedTuple):
    """Data of which the protocol sees the sequences alone."""

    flats: list[Flat]

    def sequences(self, conversion: str) -> list[Flat]:
        return self.flats


class Copying(VideoCodec):
    """I frames come back two levels brighter, P frames as their reference; a P frame is ten bytes long."""

    downsampling = 16

    def __init__(self, gop: Gop, tick: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(gop)
        self.anchor = nn.Parameter(torch.zeros(()))
        self.tick = tick

    def intra_forward(self, frame: Tensor) -> Coded:
        return Coded(frame + 2 / 255, {"intra.y": torch.full((1, 4, 2, 2), 0.5)})

    def intra_encode(self, frame: Tensor) -> Written:
        self.tick("encode")
        return Written([bytes([round(frame[0, 0, 0, 0].item() * 255)]) * 30], frame + 2 / 255)

    def intra_decode(self, streams: list[bytes], size: tuple[int, int]) -> Tensor:
        self.tick("decode")
        return torch.full((1, 3, *size), (streams[0][0] + 2) / 255)

    def forward(self, frame: Tensor, reference: Tensor) -> Coded:
        prediction = frame + 1 / 255
        prediction[..., SIZE[0] :, :] = 0  # beyond the frame it may be anything
        intermediates = Intermediates(frame[:, :2], frame[:, :2], frame + 4 / 255, prediction, frame, frame)
        likelihoods = {"motion.y": torch.full((1, 1, 2, 4), 0.5), "residual.y": torch.full((1, 1, 1, 3), 0.25)}
        return Coded(reference, likelihoods, intermediates)

    def encode(self, frame: Tensor, reference: Tensor) -> Written:
        self.tick("encode")
        return Written([b"0123456789"], reference)

    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        self.tick("decode")
        return reference

    def frozen(self) -> list[nn.Module]:
        return []

    def aux_loss(self) -> Tensor:
        return torch.zeros(())


def decibels(error: int) -> float:
    return 20 * log10(255 / error)


def evaluated(
    out: Path, *flats: Flat, codec: VideoCodec | None = None, **changes: Any
) -> tuple[Evaluation, list[dict[str, str]]]:
    settings = {"name": "test", "gop": 3, "frames": 100, "crop": None, "conversion": "bt709"} | changes
    found = VideoProtocol(**settings)(codec or Copying(Gop(7)), "copying", Told(list(flats)), out)  # type: ignore[arg-type]
    with (out / "frames.csv").open() as file:
        return found, list(csv.DictReader(file))


def test_a_protocol_of_clips_takes_no_photographs() -> None:
    protocol = VideoProtocol("dvc_gop", 12, 100, 64, "ffmpeg_default")
    pictures = Photographs(train=None, test=None, name="t", crop=64, batch_size=1)
    with pytest.raises(LicError, match=r"dvc_gop is a protocol for data=video/…, and what is given is of data=image/…"):
        check_kind(protocol, pictures)
    check_kind(protocol, VideoClips({}, {}, {}, [], [], crop=64, frames=2, batch_size=1))


def test_frames_are_compared_as_decoded_each_with_its_own(tmp_path: Path) -> None:
    _, rows = evaluated(tmp_path, Flat("a", [100, 110, 120, 130, 140]))
    errors = [2, 8, 18, 2, 8]
    assert [float(row["psnr"]) for row in rows] == pytest.approx([decibels(e) for e in errors], abs=1e-3)
    assert [row["kind"] for row in rows] == ["intra", "forward", "forward", "intra", "forward"]
    assert [row["frame"] for row in rows] == list("01234")
    assert {row["ms_ssim"] for row in rows} == {""}, "undefined for frames as small"


def test_backward_prediction_in_the_order_of_the_clip(tmp_path: Path) -> None:
    flat = Flat("a", [100, 110, 120, 130, 140, 150])
    found, rows = evaluated(tmp_path, flat, gop=4, structure="bi")
    errors = [2, 8, 18, 12, 2, 8]  # frame 3 is that at 4, which is 142
    assert [float(row["psnr"]) for row in rows] == pytest.approx([decibels(e) for e in errors], abs=1e-3)
    assert [row["kind"] for row in rows] == ["intra", "forward", "forward", "backward", "intra", "forward"]
    assert [row["psnr_copied"] != "" for row in rows] == [False, True, True, True, False, True]
    assert found.details["gop"] == {"size": 4, "structure": "bi"}


def test_a_sequence_counts_once_whatever_its_length(tmp_path: Path) -> None:
    found, rows = evaluated(tmp_path, Flat("a", [100, 110, 120, 130, 140]), Flat("b", [50, 60]))
    means = [sum(decibels(e) for e in errors) / len(errors) for errors in ([2, 8, 18, 2, 8], [2, 8])]
    records = found.details["sequences"]
    assert [record["psnr"] for record in records] == pytest.approx(means, abs=1e-3)
    assert found.points[0]["psnr-rgb"] == pytest.approx(sum(means) / 2, abs=1e-3)
    sizes = [(tmp_path / f"streams/{name}.lic").stat().st_size for name in "ab"]
    assert [record["bytes"] for record in records] == sizes
    assert [record["frames"] for record in records] == [5, 2] and [row["sequence"] for row in rows] == list("aaaaabb")
    bpp = [8 * size / PIXELS / frames for size, frames in zip(sizes, (5, 2))]
    assert found.points[0]["bpp"] == pytest.approx(sum(bpp) / 2)
    with (tmp_path / "sequences.csv").open() as file:
        assert [row["sequence"] for row in csv.DictReader(file)] == ["a", "b"]


def test_measures_of_ones_own_are_means_over_frames_then_clips(tmp_path: Path) -> None:
    metrics = {"bias": lambda x_hat, x: 255 * (x_hat - x).mean()}
    found, rows = evaluated(tmp_path, Flat("a", [100, 110, 120, 130, 140]), Flat("b", [50, 60]), metrics=metrics)
    assert [float(row["bias"]) for row in rows] == pytest.approx([2, -8, -18, 2, -8, 2, -8], abs=1e-3)
    assert [record["bias"] for record in found.details["sequences"]] == pytest.approx([-6, -3], abs=1e-3)
    assert found.points[0]["bias"] == pytest.approx(-4.5, abs=1e-3) and "bias" in found.details["metrics"]


def test_bits_are_those_of_packets_and_of_an_ideal_coder(tmp_path: Path) -> None:
    found, rows = evaluated(tmp_path, Flat("a", [100, 110, 120, 130]))
    data = (tmp_path / "streams/a.lic").read_bytes()
    header, start = read_header(data)
    bits = [int(row["bits"]) for row in rows]
    assert sum(bits) == 8 * (len(data) - start) and header.conversion == "bt709"
    assert bits[0] == bits[3] > 8 * 30 and 8 * 10 < bits[1] == bits[2] < 8 * 20
    assert [float(row["bits_estimated"]) for row in rows] == [16, 8 + 6, 8 + 6, 16]
    assert [float(row["bits_motion"]) for row in rows] == [0, 8, 8, 0]
    (record,) = found.details["sequences"]
    assert record["bpp_estimated"] == pytest.approx(60 / PIXELS / 4, abs=1e-6)
    assert record["bpp_motion"] == pytest.approx(8 / PIXELS, abs=1e-6), "a P frame's"


def test_what_a_prediction_is_worth_is_told_within_the_frame(tmp_path: Path) -> None:
    found, rows = evaluated(tmp_path, Flat("a", [100, 110, 120]))
    copied = [decibels(8), decibels(18)]  # references are 102, both
    for name, expected in (("copied", copied), ("warped", 2 * [decibels(4)]), ("predicted", 2 * [decibels(1)])):
        values = [row[f"psnr_{name}"] for row in rows]
        assert values[0] == "" and [float(v) for v in values[1:]] == pytest.approx(expected, abs=1e-3)
        assert found.details["sequences"][0][f"psnr_{name}"] == pytest.approx(sum(expected) / 2, abs=1e-3)


def test_conditions_hold_for_all_of_a_clip(tmp_path: Path) -> None:
    codec = Copying(Gop(7, "bi"))
    found, rows = evaluated(tmp_path, Flat("a", [100, 110, 120, 130]), codec=codec, frames=3, crop=8)
    (record,) = found.details["sequences"]
    assert (record["width"], record["height"], record["frames"], len(rows)) == (32, 16, 3, 3)
    assert found.details["gop"] == {"size": 3, "structure": "bi"}, "the protocol's size, the codec's structure"
    assert found.details["conditions"]["crop"] == 8
    with pytest.raises(LicError, match="too small"):
        evaluated(tmp_path, Flat("a", [100]), crop=64)


def test_seconds_are_those_of_coding_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that every frame read moves by 1, every frame encoded by 10 and decoded by 100, compared by 1000."""
    now = 0.0

    def move(seconds: float) -> None:
        nonlocal now
        now += seconds

    seconds = {"encode": 10, "decode": 100}
    monkeypatch.setattr(video_measure, "perf_counter", lambda: now)
    look = VideoProtocol.look
    monkeypatch.setattr(VideoProtocol, "look", lambda *arguments: (move(1000), look(*arguments))[1])
    codec = Copying(Gop(3), tick=lambda what: move(seconds[what]))
    flat = Flat("a", [100, 110, 120, 130], tick=lambda: move(1))
    found, _ = evaluated(tmp_path, flat, codec=codec, gop=4, structure="bi")
    assert found.timing == {"encoding_time": 10, "decoding_time": 100}


def test_a_codec_of_parts_is_drawn_with_its_blocks_and_its_motion_encoder_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    drawn = evaluate.frame_sheet
    monkeypatch.setattr(evaluate, "frame_sheet", lambda *args: (seen.append(args[3]), drawn(*args))[1])
    found, _ = evaluated(tmp_path, Flat("a", [100, 110, 120]), Flat("still", [90]), codec=video_codec("ofmc"))
    assert [[*maps] for maps in seen] == [["DRAS 1: features", "DRAS 2: features"]]
    assert [file.name for file in (tmp_path / "frames").iterdir()] == ["a_0001.png"]
    assert 0 < found.timing["motion_encoding_time"] < found.timing["encoding_time"]
    assert found.details["sequences"][1]["bpp_motion"] is None, "no P frame"


class OtherDecoder(Copying):
    def decode(self, streams: list[bytes], reference: Tensor) -> Tensor:
        return reference + 1 / 255


class OtherForward(Copying):
    def forward(self, frame: Tensor, reference: Tensor) -> Coded:
        return super().forward(frame, reference)._replace(x_hat=reference + 1 / 255)


class OtherIntra(Copying):
    def intra_forward(self, frame: Tensor) -> Coded:
        return super().intra_forward(frame)._replace(x_hat=frame)


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        (OtherDecoder, "frame 1 of a decodes to other pixels"),
        (OtherForward, "frame 1 of a is coded to other pixels"),
        (OtherIntra, "frame 0 of a is coded to other pixels"),
    ],
)
def test_a_codec_whose_passes_differ_is_found_out(codec: type[Copying], said: str, tmp_path: Path) -> None:
    with pytest.raises(LicError, match=said):
        evaluated(tmp_path, Flat("a", [100, 110, 120]), codec=codec(Gop(3)))


@pytest.mark.parametrize(("pictures", "places"), [(0, []), (1, [2]), (2, [2, 6])])
def test_the_middles_of_the_first_groups_are_drawn(pictures: int, places: list[int], tmp_path: Path) -> None:
    flats = [Flat(name, [*range(100, 110)], size=(16, 32)) for name in "ab"]
    evaluated(tmp_path, *flats, gop=4, pictures=pictures, keep_streams=False)
    drawn = sorted(path.name for path in tmp_path.glob("frames/*"))
    assert drawn == [f"{name}_{place:04d}.png" for name in "ab" for place in places]
    assert all(Image.open(path).width > 1000 for path in tmp_path.glob("frames/*"))
    assert not (tmp_path / "streams").exists()
