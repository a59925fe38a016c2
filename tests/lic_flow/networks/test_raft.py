"""RAFT: torchvision's, with our pictures in [0, 1] and its own weights."""

from pathlib import Path

import pytest
import torch
from torchvision.models.optical_flow import Raft_Large_Weights, Raft_Small_Weights, raft_large, raft_small

from common.errors import LicError
from common.run.weights import load_weights
from lic_flow.networks.raft import Raft


@pytest.mark.parametrize(
    ("size", "theirs", "published"),
    [("small", raft_small, Raft_Small_Weights), ("large", raft_large, Raft_Large_Weights)],
)
def test_state_dict_has_torchvisions_names_and_shapes(size, theirs, published) -> None:  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        mine, peer = Raft(size), theirs()
    assert {k: v.shape for k, v in mine.state_dict().items()} == {k: v.shape for k, v in peer.state_dict().items()}
    assert sum(p.numel() for p in mine.parameters()) == published.DEFAULT.meta["num_params"]


def test_torchvisions_weights_file_gives_torchvisions_flow(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs, mine = raft_small().eval(), Raft("small", iterations=2).eval()
    torch.save(theirs.state_dict(), tmp_path / "raft.pth")
    load_weights(mine, tmp_path / "raft.pth")
    first, second = torch.rand(1, 3, 128, 136), torch.rand(1, 3, 128, 136)
    with torch.no_grad():
        flows = mine(first, second)
        expected = theirs(2 * first - 1, 2 * second - 1, num_flow_updates=2)
    assert len(flows) == 2 and flows[-1].shape == (1, 2, 128, 136)
    assert all(map(torch.equal, flows, expected))
    assert flows[-1].abs().max() > 0


def test_small_pictures_are_refused_with_their_size() -> None:
    with pytest.raises(LicError, match="at least 128 x 128 pixels; these have 128 x 120"):
        Raft("small", 1)(torch.rand(1, 3, 120, 128), torch.rand(1, 3, 120, 128))
