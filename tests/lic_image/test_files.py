"""Files in, files out: whatever is wrong is one sentence, exit status 2, and no picture."""

import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from support import textured

from common.cli.files import open_files
from common.coding.codec_files import to_input, to_picture
from common.entropy.container import Header, Level, pack
from common.entropy.rules import coding_by, of_image
from common.run.folder import RunFolder
from common.run.weights import save_weights, trained_network
from lic_image.codecs.swift import Swift

Lic = Callable[..., int]


def make_run(folder: Path, seed: int) -> Path:
    """A run folder as training leaves it, with random weights."""
    folder.mkdir()
    torch.manual_seed(seed)
    codec = Swift(M=24, N=8, Z=4)
    codec.start_from(torch.rand(2, 3, 64, 64), 0.013)
    save_weights(codec, RunFolder(folder).weights, "swift")
    content = {
        "model": {"codec": {"_target_": "lic_image.codecs.swift.Swift", "M": 24, "N": 8, "Z": 4}},
        "files": {"_target_": "lic_image.files.ImageFiles"},
        "system": "swift",
        "lmbda": 0.013,
        "distortion": "mse",
    }
    OmegaConf.save(OmegaConf.create(content), folder / "config.yaml")
    return folder


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "one", seed=0)


@pytest.fixture
def stream(run_folder: Path, tmp_path: Path, lic: Lic) -> Path:
    Image.fromarray(textured(40, 56)).save(tmp_path / "photo.png")
    assert lic("compress", "photo.png", "photo.lic", "--checkpoint", str(run_folder)) == 0
    return tmp_path / "photo.lic"


def test_there_and_back(run_folder: Path, stream: Path, tmp_path: Path, lic: Lic) -> None:
    assert lic("decompress", "photo.lic", "back.png", "--checkpoint", str(run_folder)) == 0
    original, decoded = (np.asarray(Image.open(tmp_path / name)).astype(float) for name in ("photo.png", "back.png"))
    assert decoded.shape == original.shape
    assert ((decoded - original) ** 2).mean() < 100


def test_grey_stays_grey(run_folder: Path, tmp_path: Path, lic: Lic) -> None:
    Image.fromarray(textured(20, 30)[..., 0]).save(tmp_path / "grey.png")
    assert lic("compress", "grey.png", "grey.lic", "--checkpoint", str(run_folder)) == 0
    assert lic("decompress", "grey.lic", "back.png", "--checkpoint", str(run_folder)) == 0
    assert Image.open(tmp_path / "back.png").mode == "L"


def test_files_of_version_1_are_read(run_folder: Path, stream: Path) -> None:
    files = open_files(run_folder, "cpu")
    picture = textured(40, 56)
    files.rules = of_image(1)
    body = files.encode(picture)[:-4]
    body = body[:3] + b"\x01" + body[4:]
    old = body + zlib.crc32(body).to_bytes(4, "little")
    assert old[4:-4] != stream.read_bytes()[4:-4]
    with coding_by(of_image(1)), torch.no_grad():
        forward = files.codec(to_input(picture, files.codec.downsampling))["x_hat"]
    assert np.array_equal(files.decode(old).rgb, to_picture(forward, 40, 56))


def test_info_describes_files_and_runs(stream: Path, run_folder: Path, lic: Lic, capsys: pytest.CaptureFixture) -> None:
    assert lic("info", str(stream)) == 0 and lic("info", str(run_folder)) == 0
    out = capsys.readouterr().out
    assert "56x40" in out and "swift" in out and "not finished" in out


def refused(lic: Lic, run: Path, tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture) -> str:
    """Decoding `data` fails as it should; returns the sentence."""
    (tmp_path / "bad.lic").write_bytes(data)
    assert lic("decompress", "bad.lic", "bad.png", "--checkpoint", str(run)) == 2
    assert not (tmp_path / "bad.png").exists()
    sentence = capsys.readouterr().err
    assert sentence.startswith("lic decompress: ") and sentence.count("\n") == 1
    return sentence


def test_one_flipped_bit(
    run_folder: Path, stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    data = stream.read_bytes()
    for byte in np.linspace(0, len(data) - 1, 12).astype(int):
        damaged = bytearray(data)
        damaged[byte] ^= 1 << (byte % 8)
        refused(lic, run_folder, tmp_path, bytes(damaged), capsys)


def test_cut_anywhere(run_folder: Path, stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture) -> None:
    data = stream.read_bytes()
    for length in np.linspace(0, len(data) - 1, 12).astype(int):
        refused(lic, run_folder, tmp_path, data[:length], capsys)


def test_nothing_that_is_read_is_written_over(
    run_folder: Path, stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    photo = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "same.lic").symlink_to("photo.png")
    (tmp_path / "link.lic").symlink_to("elsewhere.lic")
    os.mkfifo(tmp_path / "pipe.lic")
    run = ("--checkpoint", str(run_folder))
    for target, words in (("photo.png", "name another file"), ("other.png", "does not end in .lic")):
        assert lic("compress", "photo.png", target, *run) == 2
        assert words in capsys.readouterr().err
    assert lic("compress", "photo.png", "same.lic", *run) == 2 and (tmp_path / "photo.png").read_bytes() == photo
    assert lic("compress", "photo.png", "pipe.lic", *run) == 2 and "is no file" in capsys.readouterr().err
    assert stat.S_ISFIFO((tmp_path / "pipe.lic").stat().st_mode)
    assert lic("compress", "photo.png", "link.lic", *run) == 0 and (tmp_path / "link.lic").is_symlink()
    assert (tmp_path / "elsewhere.lic").read_bytes() == stream.read_bytes()


@pytest.mark.parametrize(
    ("checkpoint", "device", "words"),
    [("nowhere", "cpu", "there is no nowhere"), ("photo.png", "cpu", "no run folder"), ("", "foo", "no device 'foo'")],
)
def test_what_a_checkpoint_and_a_device_cannot_be(
    run_folder: Path, stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture, checkpoint, device, words
) -> None:
    arguments = ("--checkpoint", checkpoint or str(run_folder), "--device", device)
    assert lic("decompress", "photo.lic", "x.png", *arguments) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "x.png").exists()


def test_another_checkpoint(stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture) -> None:
    other = make_run(tmp_path / "other", seed=1)
    assert "checkpoint that wrote it" in refused(lic, other, tmp_path, stream.read_bytes(), capsys)


def test_a_claim_of_sixty_thousand_squared(
    run_folder: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    digest = compose_digest(run_folder)
    huge = pack(Header(b"I", "swift", digest, 60_000, 60_000, False), [Level([b"\0" * 8, b"\0" * 8], 0)])
    assert "--max-pixels" in refused(lic, run_folder, tmp_path, huge, capsys)


def test_a_forged_checksum_does_not_get_pixels_out(
    run_folder: Path, stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    """Damage under a valid file checksum is found by the coder's own state or by the symbols' checksum."""
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 0x10
    body = bytes(data[:-4])
    for forged in (body + struct.pack("<I", zlib.crc32(body)), body + struct.pack(">I", zlib.crc32(body))):
        refused(lic, run_folder, tmp_path, forged, capsys)


def compose_digest(run_folder: Path) -> bytes:
    from common.entropy.container import weights_digest

    return weights_digest(torch.load(run_folder / "weights.ckpt", weights_only=True)["state_dict"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compress", "missing.png", "x.lic"], "no file"),
        (["compress", "photo.png", "nowhere/x.lic"], "make it first"),
        (["decompress", "photo.png", "x.png"], "lic"),
        (["decompress", "photo.lic", "x.jpg"], "x.jpg"),
    ],
)
def test_bad_arguments(
    arguments: list[str], words: str, run_folder: Path, stream: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    assert lic(*arguments, "--checkpoint", str(run_folder)) == 2
    assert words in capsys.readouterr().err


def test_no_checkpoint_there(stream: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture) -> None:
    assert lic("decompress", "photo.lic", "x.png", "--checkpoint", str(tmp_path)) == 2
    assert "no run folder" in capsys.readouterr().err


def test_from_python_paths_are_strings_and_what_is_loaded_evaluates(run_folder: Path, tmp_path: Path) -> None:
    Image.fromarray(textured(40, 56)).save(tmp_path / "photo.png")
    source, stream, back = (str(tmp_path / name) for name in ("photo.png", "photo.lic", "back.png"))
    files = open_files(str(run_folder))
    assert "bpp" in files.compress_file(source, stream)[-1]
    assert files.decompress_file(stream, back) == [f"{back}: 56x40"]
    for place in (str(run_folder), str(run_folder / "weights.ckpt")):
        codec, cfg = trained_network(place)
        assert not any(module.training for module in codec.modules()) and cfg.system == "swift"
