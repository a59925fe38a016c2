import json
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from common.baselines.conditions import Conditions, video_protocols
from common.baselines.video_codecs import available
from common.baselines.video_measure import bench_video, is_current, measure_video, video_file
from common.errors import LicError
from common.results.curves import load

CODEC = available().codecs["x264"]
WHOLE = Conditions("dcvc_ip32", gop=4, frames=96)


class Pan(NamedTuple):
    """A window that moves over a still grain."""

    name: str
    height: int
    width: int
    frames: int
    rate: Fraction = Fraction(25)

    def clip(self) -> Iterator[np.ndarray]:
        grain = gaussian_filter(np.random.default_rng(1).normal(size=(self.height, self.width + 64, 3)), (2, 2, 0))
        rgb = np.clip(128 + 50 * grain / grain.std(), 0, 255).astype(np.uint8)
        return (rgb[:, 2 * t % 64 :][:, : self.width] for t in range(self.frames))


SEQUENCES = [Pan("small", 50, 66, 6), Pan("large", 162, 164, 3)]


def test_means_are_over_frames_then_sequences(tmp_path: Path) -> None:
    steps: list[None] = []
    data = measure_video(CODEC, SEQUENCES, "two clips", WHOLE, [19, 27], step=lambda: steps.append(None))
    assert len(steps) == 4
    expected: dict[str, list[float]] = {"bpp": [], "psnr": []}
    for sequence in SEQUENCES:
        path = tmp_path / "clip.mkv"
        CODEC.encode(sequence.clip(), sequence.rate, 27, 4, path)
        pairs = list(zip(sequence.clip(), CODEC.decode(path), strict=True))
        pixels = sequence.height * sequence.width * sequence.frames
        expected["bpp"].append(sum(CODEC.frame_bits(path)) / pixels)
        expected["psnr"].append(float(np.mean([peak_signal_noise_ratio(*pair) for pair in pairs])))
    results = data["results"]
    assert results["quality"] == [19, 27] and results["bpp"][0] > results["bpp"][1]
    assert results["psnr-rgb"][0] > results["psnr-rgb"][1]
    assert results["bpp"][1] == pytest.approx(np.mean(expected["bpp"]))
    assert results["psnr-rgb"][1] == pytest.approx(np.mean(expected["psnr"]), abs=1e-4)

    records = {(record["sequence"], record["quality"]): record for record in data["sequences"]}
    assert list(records) == [("small", 19), ("small", 27), ("large", 19), ("large", 27)]
    small, large = records["small", 27], records["large", 27]
    assert (small["width"], small["height"], small["frames"], large["frames"]) == (66, 50, 6, 3)
    assert small["bpp"] == pytest.approx(expected["bpp"][0]) and small["ms_ssim"] is None  # too small for it
    assert results["ms-ssim-rgb"][1] == large["ms_ssim"] and 0.8 < large["ms_ssim"] < 1
    frames = data["frames"][1]
    assert (frames["sequence"], frames["quality"]) == ("small", 27)
    assert sum(frames["bits"]) == 8 * small["bytes"] and len(frames["psnr"]) == 6
    assert np.mean(frames["psnr"]) == pytest.approx(small["psnr"])
    assert frames["bits"][4] > 2 * frames["bits"][3]  # the second group of pictures begins
    assert (data["kind"], data["protocol"], data["dataset"]) == ("baseline", "dcvc_ip32", "two clips")


def test_crop_and_number_of_frames(tmp_path: Path) -> None:
    conditions = Conditions("dvc_gop", gop=2, frames=4, crop=64)
    data = measure_video(CODEC, [SEQUENCES[1], Pan("long", 64, 100, 9)], "clips", conditions, [27])
    sizes = [(record["width"], record["height"], record["frames"]) for record in data["sequences"]]
    assert sizes == [(128, 128, 3), (64, 64, 4)]
    path = tmp_path / "clip.mkv"
    CODEC.encode((rgb[:128, :128] for rgb in SEQUENCES[1].clip()), Fraction(25), 27, 2, path)
    assert data["frames"][0]["bits"] == CODEC.frame_bits(path)
    with pytest.raises(LicError, match=r"small, quality 27: .*66x50.*multiple of 64"):
        measure_video(CODEC, SEQUENCES, "clips", conditions, [27])


def test_bench_keeps_what_is_there(tmp_path: Path) -> None:
    sequences = SEQUENCES[:1]
    path = bench_video(CODEC, sequences, "one", WHOLE, tmp_path / "out", [27])
    assert path == tmp_path / "out" / "x264.dcvc_ip32+gop-4+conversion-ffmpeg_default.baseline.json"
    before = path.stat().st_mtime_ns
    assert bench_video(CODEC, sequences, "one", WHOLE, tmp_path / "out", [27]).stat().st_mtime_ns == before
    assert is_current(path, CODEC, "one", WHOLE, [27])
    assert not is_current(path, CODEC, "one", WHOLE)
    assert not is_current(path, CODEC, "other", WHOLE, [27])
    for other in ({"gop": 8}, {"frames": 5}, {"crop": 64}, {"conversion": "bt709"}, {"protocol": "dvc_gop"}):
        assert not is_current(path, CODEC, "one", WHOLE._replace(**other), [27])
    curve = load(path)
    assert (curve.kind, curve.protocol, curve.dataset, len(curve.points)) == ("baseline", "dcvc_ip32", "one", 1)
    assert curve.name == "H.264 (x264) gop=4 conversion=ffmpeg_default"
    assert json.loads(path.read_text())["conditions"]["gop"] == 4


def test_every_condition_has_a_file_and_a_name_of_its_own(tmp_path: Path) -> None:
    packaged = video_protocols()["dvc_gop"]
    changed = [{}, {"gop": 10}, {"gop": 1}, {"frames": 10}, {"crop": None}, {"conversion": "bt709"}]
    files = [video_file(CODEC, packaged._replace(**change), tmp_path).name for change in changed]
    assert len(set(files)) == len(files)
    assert files[:2] == ["x264.dvc_gop.baseline.json", "x264.dvc_gop+gop-10.baseline.json"]
    assert files[4] == "x264.dvc_gop+crop-null.baseline.json"
    still = Pan("still", 64, 64, 1)
    names = [measure_video(CODEC, [still], "x", packaged._replace(**c), [40])["name"] for c in changed[:2]]
    assert names == ["H.264 (x264)", "H.264 (x264) gop=10"]


def test_a_clip_is_not_held() -> None:
    height, width, frames = 96, 128, 300
    still = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)

    class Long(NamedTuple):
        name: str = "long"
        rate: Fraction = Fraction(25)

        def clip(self) -> Iterator[np.ndarray]:
            return (still.copy() for _ in range(frames))

    measure_video(CODEC, [Pan("warm", 64, 64, 1)], "x", WHOLE, [40])
    tracemalloc.start()
    measure_video(CODEC, [Long()], "x", WHOLE._replace(frames=frames), [40])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * still.nbytes * frames


def test_what_cannot_be_measured() -> None:
    with pytest.raises(LicError, match="no clips"):
        measure_video(CODEC, [], "none", WHOLE)
    with pytest.raises(LicError, match="empty, quality 27: There are no frames"):
        measure_video(CODEC, [Pan("empty", 64, 64, 0)], "none", WHOLE, [27])
    with pytest.raises(LicError, match=r"H\.264 \(x264\) cannot code small at quality 27"):
        broken = CODEC.__class__(**{**vars(CODEC), "options": lambda crf, gop: {"crf": "not a number"}})
        measure_video(broken, SEQUENCES[:1], "none", WHOLE, [27])
