"""What the networks are given, how they start, and what training takes away."""

import pytest
import torch
from torch import nn

from common.errors import LicError
from lic_image.layers.intra_modes import Context
from lic_image.layers.intra_networks import LEAST_DEVIATION, Convolutional, FullyConnected, normalised

NETWORKS = {"fully_connected": lambda: FullyConnected(16, 2), "convolutional": lambda: Convolutional(4)}


def context(n: int = 5) -> Context:
    """All samples are known."""
    random = torch.Generator().manual_seed(0)
    above, left = (torch.randn(n, 3, 8, w, generator=random) for w in (24, 8))
    return Context(above, left, torch.ones(n, 1, 8, 24), torch.ones(n, 1, 8, 8))


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = NETWORKS[request.param]()
    return made


def test_they_start_as_nothing_and_every_weight_learns(network: nn.Module) -> None:
    assert torch.equal(network(context()), torch.zeros(5, 3, 8, 8))
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    network(context()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_normalised_by_hand() -> None:
    above, left = torch.full((1, 3, 8, 24), 0.7), torch.full((1, 3, 8, 8), 0.1)
    known = torch.cat([torch.zeros(1, 1, 8, 16), torch.ones(1, 1, 8, 8)], 3)  # above the next block alone
    seen, deviation = normalised(Context(above, left, known, torch.ones(1, 1, 8, 8)), torch.full((1, 3, 1, 1), 0.3))
    assert deviation.item() == pytest.approx((0.5 * (0.4**2 + 0.2**2)) ** 0.5, rel=1e-5)
    assert seen.left.unique().item() == pytest.approx(-0.2 / deviation.item(), rel=1e-5)
    assert torch.equal(seen.above[..., :16], torch.zeros(1, 3, 8, 16))
    assert seen.above[..., 16:].unique().item() == pytest.approx(0.4 / deviation.item(), rel=1e-5)


def test_normalised_without_contrast_or_samples() -> None:
    flat = context(1)._replace(above=torch.full((1, 3, 8, 24), 0.5), left=torch.full((1, 3, 8, 8), 0.5))
    seen, deviation = normalised(flat, torch.full((1, 3, 1, 1), 0.5))
    assert deviation.item() == pytest.approx(LEAST_DEVIATION) and seen.left.abs().max() == 0
    nothing = Context(*(torch.zeros_like(part) for part in flat))
    assert torch.equal(normalised(nothing, torch.zeros(1, 3, 1, 1))[0].above, nothing.above)


def test_a_brighter_picture_of_more_contrast_is_predicted_alike() -> None:
    """The prediction of a·x + b is that of x times a, plus b: what is added to planar is multiplied alone."""
    c, mean = context(), torch.full((5, 3, 1, 1), 0.2)
    louder = c._replace(above=3 * c.above + 0.1, left=3 * c.left + 0.1)
    (seen, deviation), (again, more) = normalised(c, mean), normalised(louder, 3 * mean + 0.1)
    assert torch.allclose(more, 3 * deviation, rtol=1e-5)
    assert torch.allclose(seen.above, again.above, atol=1e-5) and torch.allclose(seen.left, again.left, atol=1e-5)


def test_masks_take_from_the_right_above_and_from_below_left() -> None:
    torch.manual_seed(0)
    masked = Convolutional(4, masks=1.0).masked(context(300))
    columns, rows = masked.above_known[:, 0, 0], masked.left_known[:, 0, :, 0]
    assert (columns.diff() <= 0).all() and (rows.diff() <= 0).all()  # ones, then zeros
    assert columns.sum(1).min() >= 8 and columns.sum(1).unique().numel() > 10 and rows.sum(1).unique().numel() > 6
    assert torch.equal(masked.above, context(300).above * masked.above_known)
    assert torch.equal(masked.left, context(300).left * masked.left_known)


def test_masks_are_for_a_part_of_the_blocks_and_none_is_put_without_being_asked() -> None:
    torch.manual_seed(0)
    whole = Convolutional(4, masks=0.25).masked(context(2000)).above_known.amin((1, 2, 3)).mean().item()
    assert whole == pytest.approx(0.75, abs=0.05)
    network = Convolutional(4, masks=1.0)
    nn.init.normal_(network.synthesis[-1].weight)  # type: ignore[arg-type]
    assert torch.equal(network.train()(context()), network.eval()(context()))
    assert not torch.equal(network(network.masked(context())), network(network.masked(context())))


def test_masks_are_a_part_of_the_blocks() -> None:
    for masks in (-0.1, 3):
        with pytest.raises(LicError, match="a part of the blocks, 0 to 1"):
            Convolutional(4, masks)
