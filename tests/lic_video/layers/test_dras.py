"""DRAS: starts as the identity, keeps any size, and is put together as drawn."""

import torch
from torch.nn import functional as F

from lic_video.layers.dras import DRAS
from lic_video.layers.residual_gdn import ResidualGDN


def test_it_starts_as_the_identity_at_any_size() -> None:
    x = torch.randn(1, 8, 7, 5)
    assert torch.equal(DRAS(8)(x), x)
    assert torch.equal(DRAS(8, inverse=True)(x), x)


@torch.no_grad()
def test_it_is_put_together_as_drawn() -> None:
    torch.manual_seed(0)
    block = DRAS(6)
    torch.nn.init.normal_(block.leave.weight)
    x = torch.randn(1, 6, 4, 6)
    s = block.enter[2](block.enter[1](block.enter[0](x)))
    gate = block.gate[3](block.gate[2](block.gate[1](F.max_pool2d(s, 2))))
    p = s * torch.sigmoid(gate.repeat_interleave(2, 2).repeat_interleave(2, 3))
    t = block.inner(p)
    weight = block.leave.weight[:, :, 0, 0]
    expected = x + torch.einsum("oc,bchw->bohw", weight, torch.cat([s, p, t], 1))
    torch.testing.assert_close(block(x), expected)


@torch.no_grad()
def test_its_map_is_the_strength_of_what_it_gives() -> None:
    block = DRAS(6)
    torch.nn.init.normal_(block.leave.weight)
    x = torch.randn(2, 6, 4, 6)
    (name, found), *others = block.maps(x).items()
    assert name == "features" and not others
    torch.testing.assert_close(found, block(x).norm(dim=1) / 6**0.5)


@torch.no_grad()
def test_residual_gdn_divides_by_the_norm_and_adds() -> None:
    """At its start GDN is x / sqrt(1 + 0.1 x²), its inverse the product."""
    x = torch.randn(1, 4, 3, 3)
    norm = (1 + 0.1 * x.square()).sqrt()
    torch.testing.assert_close(ResidualGDN(4)(x), x + x / norm, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ResidualGDN(4, inverse=True)(x), x + x * norm, rtol=1e-4, atol=1e-5)
