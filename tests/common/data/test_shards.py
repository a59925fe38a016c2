"""Shards: nothing lost in packing, the same samples whoever reads them, and damage that has a name."""

import pickle
import shutil
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image
from torch.utils.data import DataLoader

from common.cli import main
from common.data.fetching import byte_count
from common.data.image_io import read_picture
from common.data.shards import ShardError, Shards
from common.data.training import Files, StepBatches, TrainingCrops
from common.errors import LicError

COUNT = 23


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of noise, with awkward names, in several formats."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "a.b").mkdir()
    rng = np.random.default_rng(0)
    for k in range(COUNT):
        image = Image.fromarray(rng.integers(0, 256, (24 + k, 40 - k, 3), dtype=np.uint8))
        name = ("x.y.png", "x.y.jpg", "ä b.webp", "x.y.z.PNG")[k] if k < 4 else f"a.b/{k}.png"
        exif = Image.Exif()
        exif[274] = 6 if k == 1 else 1  # lies on its side
        image.save(folder / name, lossless=True, exif=exif)
    return folder


@pytest.fixture(scope="module")
def packed(folder: Path) -> Path:
    out = folder.parent / f"{folder.name}-100%"
    assert main(["data", "pack", str(folder), str(out), "--size-limit", "8K", "--workers", "2"]) == 0
    return out


def members(shard: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(shard) as tar:
        return tar.getmembers()


def samples(data: TrainingCrops, batch: int, step: int, count: int, rank: int = 0, world: int = 1, workers: int = 0):
    loader = DataLoader(data, batch_sampler=StepBatches(batch, rank, world, lambda: step, 99), num_workers=workers)
    return [(b["index"].tolist(), b["image"]) for b in islice(loader, count)]


def test_no_pixel_is_lost(folder: Path, packed: Path) -> None:
    shards = Shards(packed)
    assert len(shards) == COUNT and len(shards.shards) > 4
    names = []
    for k in range(COUNT):
        _, name, content = shards.content(k)
        names.append(name)
        assert content == (folder / name).read_bytes()
        np.testing.assert_array_equal(shards.read(k), read_picture(folder / name).rgb)
    assert sorted(names) == sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
    assert names != sorted(names)  # dealt at random


def test_webdataset_and_tar_read_the_shards(folder: Path, packed: Path) -> None:
    tars = sorted(packed.glob("*.tar"))
    assert tars[0].stat().st_size > 8192 and members(tars[0])[0].name.startswith("000000000.")
    contents = []
    for sample in webdataset.WebDataset([str(tar) for tar in tars], shardshuffle=False):
        (suffix,) = (key for key in sample if not key.startswith("_"))
        contents.append(sample[suffix])
    assert contents == [Shards(packed).content(k)[2] for k in range(COUNT)]


def test_packing_again_writes_the_same_bytes(folder: Path, packed: Path, tmp_path: Path) -> None:
    assert main(["data", "pack", str(folder), str(tmp_path / "again"), "--size-limit", "8K"]) == 0
    for file in packed.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("window", [1, 2, 3, 1000])
def test_each_pass_shows_every_photograph_once_window_by_window(packed: Path, window: int) -> None:
    shards = Shards(packed, window)
    passes = [[shards.nth(5, epoch * COUNT + k) for k in range(COUNT)] for epoch in range(3)]
    assert all(sorted(order) == list(range(COUNT)) for order in passes) and passes[0] != passes[1]
    assert passes[0] != [shards.nth(6, k) for k in range(COUNT)]
    shard_of = [s for s, shard in enumerate(shards.shards) for _ in range(shard.length)]
    for order in passes:
        seen = [shard_of[k] for k in order]
        spans = [(seen.index(s), COUNT - seen[::-1].index(s)) for s in set(seen)]
        at_once = max(sum(begin <= at < end for begin, end in spans) for at in range(COUNT))
        assert at_once <= window  # shards that are read at a time
    one_by_one = [Shards(packed, window).nth(5, COUNT + k) for k in reversed(range(COUNT))]
    assert one_by_one[::-1] == passes[1]


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_see_together_what_one_sees(packed: Path, world: int) -> None:
    whole = samples(TrainingCrops(1, 8, Shards(packed, 2)), 6, 0, 9)
    ranks = [samples(TrainingCrops(1, 8, Shards(packed, 2)), 6, 0, 9, rank, world) for rank in range(world)]
    for (indices, images), parts in zip(whole, zip(*ranks)):
        assert indices == [n for numbers, _ in parts for n in numbers]
        assert torch.equal(images, torch.cat([image for _, image in parts]))
    assert len({tuple(image.flatten().tolist()) for _, images in whole for image in images}) == 54


def test_a_run_goes_on_in_the_middle_of_a_pass(packed: Path) -> None:
    whole = samples(TrainingCrops(1, 8, Shards(packed, 2)), 4, 0, 9)
    for step in (1, 5, 7):  # 23 photographs: pass two begins within step 5
        for workers in (0, 1) if step == 5 else (0,):
            again = samples(TrainingCrops(1, 8, Shards(packed, 2)), 4, step, 9 - step, workers=workers)
            assert all(torch.equal(a, b) and i == j for (i, a), (j, b) in zip(whole[step:], again, strict=True))


def test_loader_workers_change_nothing(packed: Path) -> None:
    data = TrainingCrops(1, 8, Shards(packed, 2))
    none = samples(data, 4, 0, 8)  # its shards are open now, and shared with the workers
    two = samples(data, 4, 0, 8, workers=2)
    assert all(torch.equal(a, b) and i == j for (i, a), (j, b) in zip(none, two, strict=True))
    assert pickle.loads(pickle.dumps(data)).photographs.read(3).shape == data.photographs.read(3).shape


def test_files_and_shards_differ_in_order_only(folder: Path, packed: Path) -> None:
    files = Files([folder / Shards(packed).content(k)[1] for k in range(COUNT)])
    shards = Shards(packed, 2)
    for n in range(2 * COUNT):
        np.testing.assert_array_equal(files.read(shards.nth(0, n)), shards.read(shards.nth(0, n)))


def test_few_shards_are_open_at_a_time(packed: Path) -> None:
    shards = Shards(packed, 1)
    for n in range(2 * COUNT):
        shards.read(shards.nth(0, n))
    assert len(shards._opened) == 2


def test_damaged_shards_are_named(packed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(packed, copy)
    shard = copy / "000002.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-512])
    with pytest.raises(ShardError, match=r"000002\.tar is damaged: it has \d+ bytes"):
        Shards(copy)
    shard.unlink()
    with pytest.raises(ShardError, match=r"000002\.tar is missing"):
        Shards(copy)
    shard.write_bytes(b"\0" * len(whole))
    with pytest.raises(ShardError, match=r"000002\.tar is damaged"):
        TrainingCrops(0, 8, everything := Shards(copy))._read(everything.shards[2].first)
    picture = next(member for member in members(packed / "000002.tar") if member.name.endswith(".png"))
    damaged = bytearray(whole)
    damaged[picture.offset_data + picture.size // 2] ^= 1
    shard.write_bytes(damaged)
    data = TrainingCrops(0, 8, Shards(copy))
    with pytest.warns(UserWarning, match=r"000002\.tar is damaged: (?i:.*png.*)Another photograph") as caught:
        for n in range(2 * COUNT):
            data[n]
    assert len(caught) == 1 and len(data.broken) == 1


def test_shards_from_elsewhere_are_fetched_once_and_kept_within_bounds(packed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    root = f"pipe:echo {{}} >> '{log}'; cat '{packed}/{{}}'"
    largest = max(shard.size for shard in Shards(packed).shards)
    here, far = Shards(packed, 1), Shards(root, 1, str(tmp_path / "cache"), 3 * largest)
    assert (far.root, len(far)) == (root, COUNT)
    for n in range(COUNT):
        np.testing.assert_array_equal(far.read(far.nth(0, n)), here.read(here.nth(0, n)))
    fetched = log.read_text().split()
    assert sorted(set(fetched)) == sorted(file.name for file in packed.iterdir())
    assert len(fetched) == len(set(fetched))  # also what was fetched ahead
    kept = [file for file in (tmp_path / "cache").rglob("*.tar") if "files" in file.parts]
    assert (
        len(kept) < len(here.shards) and sum(file.stat().st_size for file in kept) <= 4 * largest
    )  # two came at a time
    with pytest.raises(LicError, match="two shuffling windows"):
        Shards(root, 2, str(tmp_path / "cache"), 3 * largest)
    with pytest.raises(LicError, match=r"data\.cache=FOLDER"):
        Shards(root)
    with pytest.raises(LicError, match=r"cannot be downloaded.*check the address"):
        Shards("pipe:cat /nowhere/{}", 1, str(tmp_path / "cache"))


@pytest.mark.parametrize(("text", "size"), [("64M", 64 << 20), ("1.5k", 1536), ("2GB", 2 << 30), (77, 77)])
def test_sizes(text: str, size: int) -> None:
    assert byte_count(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "0", "12X", "1e999", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(LicError, match="is not a size"):
        byte_count(text)


def test_packing_that_cannot_be_done_leaves_nothing(
    folder: Path, packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def refused(*arguments: str | Path) -> str:
        assert main(["data", "pack", *map(str, arguments)]) == 2
        return capsys.readouterr().err

    (tmp_path / "empty").mkdir()
    assert "nowhere does not exist" in refused(tmp_path / "nowhere", tmp_path / "out")
    assert "holds no pictures" in refused(tmp_path / "empty", tmp_path / "out")
    assert "is not an empty folder" in refused(folder, packed)
    assert "there is no folder" in refused(folder, tmp_path / "no" / "out")
    assert "'lots' is not a size" in refused(folder, tmp_path / "out", "--size-limit", "lots")
    some = tmp_path / "some"
    shutil.copytree(folder, some)
    broken = some / "a.b" / "9.png"
    broken.write_bytes(broken.read_bytes()[:200])
    assert "9.png is damaged" in refused(some, tmp_path / "out", "--size-limit", "8K")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "some"]
    assert main(["data", "pack", str(some), str(tmp_path / "empty"), "--skip"]) == 0  # an empty folder is taken
    out = capsys.readouterr().out
    assert "9.png is damaged" in out and f"packed {COUNT - 1} photographs" in out and "1 shard in" in out
    assert len(Shards(tmp_path / "empty")) == COUNT - 1


def test_what_is_not_packed(folder: Path, tmp_path: Path) -> None:
    for root in (folder, tmp_path):
        with pytest.raises(LicError, match="holds no packed photographs"):
            Shards(root)
    with pytest.raises(LicError, match="does not exist"):
        Shards(tmp_path / "nowhere")
    (tmp_path / "index.json").write_text('{"shardlist": []}')
    with pytest.raises(LicError, match="holds no photographs"):
        Shards(tmp_path)
