import ctypes
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from scipy.ndimage import gaussian_filter

from common.baselines import video_codecs as module
from common.baselines.video_codec import VideoCodec
from common.baselines.video_codecs import ProgramCodec, PyavCodec, available
from common.errors import LicError

CODECS = available().codecs
RATE = Fraction(30000, 1001)
every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)


def moving(height: int, width: int, frames: int) -> list[np.ndarray]:
    """A grain of coloured blobs that moves by two pixels a frame."""
    grain = np.random.default_rng(0).normal(size=(height, width + 2 * frames, 3))
    blobs = gaussian_filter(grain, (2, 2, 0))
    rgb = np.clip(128 + 50 * blobs / blobs.std(), 0, 255).astype(np.uint8)
    return [rgb[:, 2 * t : 2 * t + width] for t in range(frames)]


def psnr(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return float(10 * np.log10(255**2 / np.mean((np.array(a, float) - np.array(b)) ** 2)))


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def keyframes(path: Path) -> list[int]:
    """Which frames are keyframes, in display order: by the container, and by what the decoder finds in them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        flags = {packet.pts: packet.is_keyframe for packet in container.demux(stream) if packet.size}
    with av.open(str(path)) as container:
        intra = [frame.key_frame for frame in container.decode(video=0)]
    assert [flags[pts] for pts in sorted(flags)] == [bool(each) for each in intra]
    return [number for number, flag in enumerate(intra) if flag]


def test_every_codec_works_or_says_why() -> None:
    codecs, missing = available()
    assert set(codecs) | set(missing) == {"x264", "x265", "av1", "aom", "vvc"} and not set(codecs) & set(missing)


@every_codec
@pytest.mark.parametrize("size", [(64, 64), (49, 65), (10, 12)])
def test_what_was_encoded_comes_back_in_order(codec: VideoCodec, size: tuple[int, int], tmp_path: Path) -> None:
    frames, path = moving(*size, 8), tmp_path / "clip.mkv"
    codec.encode(iter(frames), RATE, codec.qualities[0], 8, path)
    decoded = list(codec.decode(path))
    assert [frame.shape for frame in decoded] == [(*size, 3)] * 8 and decoded[0].dtype == np.uint8
    # nearer to the own frame than to its neighbours: order is kept, colours and position are where they belong
    for t in range(1, 7):
        own = psnr([decoded[t]], [frames[t]])
        assert own > 25 and own > max(psnr([decoded[t]], [frames[near]]) for near in (t - 1, t + 1)) + 3


@every_codec
def test_fewer_bits_and_less_quality_as_crf_rises(codec: VideoCodec, tmp_path: Path) -> None:
    frames, path, found = moving(64, 96, 8), tmp_path / "clip.mkv", []
    for quality in codec.qualities:
        codec.encode(frames, RATE, quality, 8, path)
        found.append((sum(codec.frame_bits(path)), psnr(list(codec.decode(path)), frames)))
    assert found == sorted(found, reverse=True) and len(set(found)) == len(found)
    assert found[-1][0] < 0.7 * found[0][0]


@every_codec
@pytest.mark.parametrize("gop", [1, 5])
def test_keyframes_come_every_gop_frames_and_only_then(codec: VideoCodec, gop: int, tmp_path: Path) -> None:
    frames = moving(64, 64, 12)
    frames[7:] = [255 - frame for frame in frames[7:]]  # a cut, at which encoders would like one more
    path = tmp_path / "clip.mkv"
    codec.encode(frames, RATE, codec.qualities[1], gop, path)
    assert keyframes(path) == list(range(0, 12, gop))


@every_codec
def test_prediction_saves_bits(codec: VideoCodec, tmp_path: Path) -> None:
    bits = {}
    for gop in (1, 8):
        codec.encode(moving(64, 64, 8), RATE, codec.qualities[2], gop, tmp_path / f"{gop}.mkv")
        bits[gop] = sum(codec.frame_bits(tmp_path / f"{gop}.mkv"))
    assert bits[8] < 0.7 * bits[1]


@pytest.fixture
def litter() -> Iterator[Callable[[int], None]]:
    """Fills memory with a byte when it is given out, as old data would; does nothing without the GNU library."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda parameter, value: 0)
    m_perturb = -6
    yield lambda byte: mallopt(m_perturb, byte)
    mallopt(m_perturb, 0)


@every_codec
def test_same_frames_same_stream(codec: VideoCodec, tmp_path: Path, litter: Callable[[int], None]) -> None:
    frames, streams = (
        moving(144, 176, 9),
        [],
    )  # 11 macroblocks wide: there x264 with AVX-512 reads more than was written
    for byte in (0, 1, 85, 170):
        litter(byte)
        codec.encode(frames, RATE, codec.qualities[-1], 5, tmp_path / "clip.mkv")
        streams.append(packets(tmp_path / "clip.mkv"))
    assert all(stream == streams[0] for stream in streams)


@every_codec
def test_bits_are_those_of_the_elementary_stream(codec: VideoCodec, tmp_path: Path) -> None:
    """Made raw by ffmpeg (Annex B), with one group of pictures so that parameter sets come once."""
    path = tmp_path / "clip.mkv"
    codec.encode(moving(64, 64, 8), RATE, codec.qualities[1], 8, path)
    bits = codec.frame_bits(path)
    assert len(bits) == 8 and bits[0] == max(bits)
    if not codec.headers_apart:
        first = packets(path)[0]
        assert first[0] >> 3 & 15 == 1  # the sequence header is in the stream: nothing is apart
        assert sum(bits) == 8 * sum(map(len, packets(path)))
    else:
        with av.open(str(path)) as source:
            raw = BitStreamFilterContext(f"{codec.decoder}_mp4toannexb", source.streams.video[0])
            stream = b"".join(bytes(unit) for packet in source.demux(video=0) for unit in raw.filter(packet))
        assert stream.startswith((b"\0\0\1", b"\0\0\0\1"))
        # start codes have 3 or 4 bytes, the container's lengths 4; its list of parameter sets adds 40 at most
        assert 0 <= sum(bits) / 8 - len(stream) + 8 <= 56
    assert sum(bits) < 8 * path.stat().st_size - 8 * 300
    for text in (b"x264 - core", b"x265 (build"):
        assert text not in path.read_bytes()


@every_codec
def test_frames_are_neither_hoarded_by_the_encoder_nor_by_the_decoder(codec: VideoCodec, tmp_path: Path) -> None:
    alive: set[int] = set()
    most = 0

    def source() -> Iterator[np.ndarray]:
        nonlocal most
        for number, frame in enumerate(moving(64, 64, 60)):
            alive.add(number)
            copy = frame.copy()
            weakref.finalize(copy, alive.discard, number)
            most = max(most, len(alive))
            yield copy

    codec.encode(source(), RATE, codec.qualities[1], 30, tmp_path / "clip.mkv")
    assert most <= 3
    decoded = codec.decode(tmp_path / "clip.mkv")
    assert len(list(islice(decoded, 3))) == 3  # and a decoder can be left


def test_bt709_is_another_stream_and_comes_back_by_its_own(tmp_path: Path) -> None:
    codec = next(iter(CODECS.values()))
    red = [np.full((64, 64, 3), (200, 40, 40), np.uint8)] * 3
    means = {}
    for conversion in ("ffmpeg_default", "bt709"):
        path = tmp_path / f"{conversion}.mkv"
        codec.encode(red, RATE, codec.qualities[0], 3, path, conversion)
        assert np.abs(next(codec.decode(path)).astype(int) - red[0]).max() <= 3
        with av.open(str(path)) as container:
            means[conversion] = next(container.decode(video=0)).to_ndarray()[:64].mean()
    # luma of this red, by the standards' weights: 16 + 219/255 (Kr R + Kg G + Kb B)
    for conversion, (kr, kb) in {"ffmpeg_default": (0.299, 0.114), "bt709": (0.2126, 0.0722)}.items():
        expected = 16 + 219 / 255 * (200 * kr + 40 * (1 - kr - kb) + 40 * kb)
        assert means[conversion] == pytest.approx(expected, abs=2)


def test_no_frames(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="no frames"):
        next(iter(CODECS.values())).encode([], RATE, 20, 8, tmp_path / "clip.mkv")


def test_a_missing_encoder_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CODECS", tuple(c for c in module.CODECS if c.name != "av1"))
    kinds = {"one": PyavCodec, "other": ProgramCodec}
    gone = [
        kind(name, name, (30,), "", "libno-such-encoder", "h264", lambda crf, gop: {}) for name, kind in kinds.items()
    ]
    monkeypatch.setattr(module, "CODECS", (*module.CODECS, *gone))
    codecs, missing = available()
    for name in kinds:
        assert name not in codecs and f"{name} needs" in missing[name] and missing[name].endswith(".")
        assert "libno-such-encoder" in missing[name] or "anchors" in missing[name]


def test_what_the_program_refuses_is_its_own_sentence(tmp_path: Path) -> None:
    wrong = ProgramCodec("wrong", "", (30,), "", "libx264", "h264", lambda crf, gop: {"preset": "no-such-preset"})
    if wrong.missing():
        pytest.skip(str(wrong.missing()))
    with pytest.raises(LicError, match="preset"):
        wrong.encode(moving(64, 64, 3), RATE, 30, 3, tmp_path / "clip.mkv")


@every_codec
def test_a_command_line_says_the_settings(codec: VideoCodec) -> None:
    said = codec.command(12)
    assert said.startswith(f"ffmpeg -i CLIP -c:v {codec.encoder} ") and "Q" in said and "-g 12 " in said


@every_codec
def test_the_digest_is_of_the_packets_alone(codec: VideoCodec, tmp_path: Path) -> None:
    digests = set()
    for name, quality in (("a", 0), ("b", 0), ("c", 1)):
        codec.encode(moving(66, 98, 5), RATE, codec.qualities[quality], 5, tmp_path / name)
        digests.add(codec.digest(tmp_path / name))
    assert len(digests) == 2
