"""The DataModule of pairs: sets by name, what is found wrong, and batches that depend on (seed, index) alone."""

from functools import partial
from pathlib import Path

import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from support import compose
from support.flow_folders import fake_flyingchairs, fake_sintel
from torch.utils.data import default_collate

from common.errors import LicError
from lic_flow.data import FlowData

SMALL = ["model=flow/deeppynet", "size=tiny", "data.crop=[16,16]", "data.canvas=[20,24]", "data.batch_size=2"]


def data(*overrides: str) -> FlowData:
    return instantiate(compose(*SMALL, *overrides).data)


def test_every_set_has_a_folder_or_needs_none() -> None:
    found = data()
    for name, source in found.sets.items():
        assert isinstance(source, partial)
        if source.func.__name__ in found.roots:
            with pytest.raises(LicError, match=rf"'{name}' needs .*data\.roots\.{source.func.__name__}=FOLDER"):
                found.open(name)
        else:
            assert found.open(name).has_flow
    assert {source.func.__name__ for source in found.sets.values()} >= set(found.roots)


def test_unknown_sets_are_named() -> None:
    with pytest.raises(InstantiationException, match=r"no set of pairs 'chairs'; choose from procedural"):
        data("data.train=[chairs]")
    with pytest.raises(InstantiationException, match="no set of pairs 'kitti'"):
        data("data.test=[kitti]")


def test_a_sintel_folder_without_flow(tmp_path: Path) -> None:
    root = fake_sintel(tmp_path)
    (root / "training/flow").rename(tmp_path / "elsewhere")
    with pytest.raises(LicError, match=r"has no folder 'flow'"):
        data(f"data.roots.sintel={root}", "data.test=[sintel_clean]").test_sets()


def test_batches_do_not_depend_on_how_they_are_split(tmp_path: Path) -> None:
    chairs = fake_flyingchairs(tmp_path)
    found = data(f"data.roots.flyingchairs={chairs}", "data.train=[procedural,flyingchairs_all]", "data.weights=[1,2]")
    found.setup("fit")

    def batch(*indexes: int) -> dict[str, torch.Tensor]:
        collated = default_collate([found.train_set[n] for n in indexes])
        return found.on_after_batch_transfer(found.on_before_batch_transfer(collated, 0), 0)

    both, second = batch(4, 5), batch(5)
    assert both["first"].shape == (2, 3, 16, 16) and both["first"].dtype == torch.float32
    assert set(both) == {"first", "second", "flow", "valid"}
    for key, values in both.items():
        torch.testing.assert_close(values[1:], second[key])


def test_overfitting_repeats_the_first_canvases() -> None:
    found = data("data.overfit=2")
    found.setup("fit")
    assert torch.equal(found.train_set[0]["flow"], found.train_set[2]["flow"])
    assert not torch.equal(found.train_set[0]["flow"], found.train_set[1]["flow"])


def test_limits_and_identity(tmp_path: Path) -> None:
    root = fake_sintel(tmp_path)
    found = data(f"data.roots.sintel={root}", "data.test=[sintel_clean, procedural_test]", "data.test_limit=2")
    sets = found.test_sets()
    assert {name: len(pairs) for name, pairs in sets.items()} == {"sintel_clean": 2, "procedural_test": 2}
    assert len(data().test_sets()["procedural_test"]) == 64
    before = found.identity()
    assert before.startswith("sintel_clean 2 pairs ") and before.endswith("procedural_test 2 pairs")
    flow = root / "training/flow/alley_1/frame_0001.flo"
    flow.write_bytes(flow.read_bytes()[:-4] + b"\0\0\0\0")
    assert found.identity() != before


def test_watched_pairs_leave_out_what_has_no_truth(tmp_path: Path) -> None:
    root = fake_sintel(tmp_path)
    found = data(f"data.roots.sintel={root}", "data.test=[sintel_clean_test, sintel_clean]", "data.val_limit=1")
    found.setup("fit")
    assert len(found.val_set) == 1 and "flow" in found.val_set[0]  # type: ignore[arg-type,index]
