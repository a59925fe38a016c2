from pathlib import Path

import numpy as np
import pytest
import torch
from support import flow_folders as fake
from torch.utils.data import DataLoader

from common.data.flow_files import write_flow
from common.data.image_io import write_picture
from common.errors import LicError
from lic_flow.datasets.pairs import FlowPairs, Pair
from lic_flow.datasets.sintel import sintel


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    paths = [tmp_path / name for name in ("one.png", "two.png", "flow.flo")]
    for path in paths[:2]:
        write_picture(path, fake.picture(path.stem))
    write_flow(paths[2], fake.flow("flow").flow)
    return Pair("only", *paths)


def test_a_sample_keeps_the_contract_and_is_collated(tmp_path: Path) -> None:
    pairs = FlowPairs(sintel(fake.fake_sintel(tmp_path)))
    batch = next(iter(DataLoader(pairs, batch_size=3)))
    assert {name: (tuple(values.shape), values.dtype) for name, values in batch.items()} == {
        "first": ((3, 3, 24, 32), torch.uint8),
        "second": ((3, 3, 24, 32), torch.uint8),
        "flow": ((3, 2, 24, 32), torch.float32),
        "valid": ((3, 24, 32), torch.bool),
        "occluded": ((3, 24, 32), torch.bool),
    }


def test_both_pictures_and_the_flow_have_one_size(pair: Pair) -> None:
    write_picture(pair.second, fake.picture("two", (24, 30)))
    with pytest.raises(LicError, match=r"one\.png has 32x24 pixels and .*two\.png has 30x24; both of a pair"):
        FlowPairs([pair])[0]
    write_picture(pair.second, fake.picture("two"))
    assert pair.flow is not None
    write_flow(pair.flow, fake.flow("flow", (12, 32)).flow)
    with pytest.raises(LicError, match=r"one\.png has 32x24 pixels and .*flow\.flo has 32x12"):
        FlowPairs([pair])[0]
    write_flow(pair.flow, fake.flow("flow").flow)
    write_picture(pair.first.with_name("mask.png"), fake.picture("mask", (24, 33)))
    with pytest.raises(LicError, match=r"mask\.png has 33x24"):
        FlowPairs([pair._replace(occluded=pair.first.with_name("mask.png"))])[0]


def test_nan_ground_truth_is_refused(pair: Pair) -> None:
    assert pair.flow is not None
    content = bytearray(pair.flow.read_bytes())
    content[12:16] = np.float32(np.nan).tobytes()
    pair.flow.write_bytes(content)
    with pytest.raises(LicError, match=r"flow\.flo holds NaN or infinite flow at 1 of 768 pixels"):
        FlowPairs([pair])[0]


def test_a_missing_picture_is_named(pair: Pair) -> None:
    pair.second.unlink()
    with pytest.raises(LicError, match=r"two\.png does not exist"):
        FlowPairs([pair])[0]


def test_pairs_with_and_without_ground_truth_are_kept_apart(pair: Pair) -> None:
    with pytest.raises(LicError, match="1 of 2 pairs have no ground truth"):
        FlowPairs([pair, pair._replace(flow=None)])
    with pytest.raises(LicError, match="no pairs"):
        FlowPairs([])


def test_occlusion_needs_every_pair_to_tell(pair: Pair) -> None:
    assert pair.flow is not None
    telling = pair._replace(unoccluded=pair.flow)
    assert "occluded" in FlowPairs([telling])[0]
    mixed = FlowPairs([telling, pair])
    assert not mixed.has_occlusion and "occluded" not in mixed[0] and "occluded" not in mixed[1]
