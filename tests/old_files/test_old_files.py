"""Every file that an earlier version wrote decodes to the symbols and, but for rounding, the pixels of then."""

from binascii import crc_hqx

import numpy as np
import pytest

from common.entropy.container import unpack
from common.entropy.video_container import read_header, read_packets
from common.errors import StreamError
from lic_image.files import ImageFiles
from lic_video.files import VideoFiles, filled
from old_files import HERE, codec_with_weights, pixels_of
from old_files.systems import CLIPS, IMAGES


def assert_alike(decoded: np.ndarray, before: np.ndarray) -> None:
    """Transforms are floating point: machines differ in the last bit, and so in how a half is rounded."""
    assert decoded.shape == before.shape
    assert np.abs(decoded.astype(int) - before).max() <= 1


@pytest.mark.parametrize("system", IMAGES)
def test_images(system: str) -> None:
    """`decode` raises unless the symbols have the checksum of those that were written."""
    files = ImageFiles(codec_with_weights(system), system)  # type: ignore[arg-type]
    for version in (1, 2):
        data = (HERE / f"{system}.v{version}.lic").read_bytes()
        assert unpack(data).version == version
        assert_alike(files.decode(data).rgb, pixels_of(system))


@pytest.mark.parametrize("system", CLIPS)
def test_clips(system: str) -> None:
    files = VideoFiles(codec_with_weights(system), system)
    for version in (2, 3, 4):
        data = (HERE / f"{system}.v{version}.lic").read_bytes()
        assert read_header(data)[0].version == version
        frames = [frame for _, frame in files.decode(data)]
        assert all(frame is not None for frame in frames)
        assert_alike(np.stack(frames), pixels_of(system))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [2, 3])
def test_other_symbols_than_an_old_packet_tells_are_found(version: int) -> None:
    data = (HERE / f"dvc.v{version}.lic").read_bytes()
    out, rest = data[: (at := read_header(data)[1])], data[at:]
    for packet in read_packets(data):
        body, rest = bytearray(rest[: packet.size - 2]), rest[packet.size :]  # type: ignore[union-attr]
        body[-1] ^= 1
        out += body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")
    with pytest.raises(StreamError, match="no frame"):
        list(filled(VideoFiles(codec_with_weights("dvc"), "dvc").decode(out), []))
