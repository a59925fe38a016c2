"""SwC and U-Net: identity at the start, any size, windows that do not see beyond their borders."""

import torch

from common.metrics.complexity import gmacs
from lic_video.layers.swin_conv import ResidualSwin, SwinConv
from lic_video.layers.unet import UNet


def test_swc_starts_as_the_identity_at_any_size() -> None:
    x = torch.randn(1, 8, 11, 13)
    assert torch.equal(SwinConv(8, layers=2, window=4, head=4)(x), x)


@torch.no_grad()
def test_attention_stays_within_windows_and_crosses_them_when_shifted() -> None:
    """A change at one position reaches its window through one layer, and its neighbours through the shifted second."""
    torch.manual_seed(0)
    x = torch.randn(1, 8, 16, 16).double()
    changed = x.clone()
    changed[0, 0, 1, 1] += 1  # of one channel: a shift of all is normalised away

    def reached(layers: int) -> torch.Tensor:
        swin = ResidualSwin(8, layers, window=4, head=4).double()
        torch.nn.init.zeros_(swin.leave.bias)
        swin.leave.weight.zero_()
        swin.leave.weight[range(8), range(8), 1, 1] = 1  # the identity
        return ((swin(changed) - x - (swin(x) - x)) - (changed - x)).abs().amax((0, 1)) > 1e-12

    one = reached(1)
    assert one[:4, :4].all() and not one[4:].any() and not one[:, 4:].any()
    two = reached(2)
    assert two[4:6, :4].any() and not two[8:14, 8:14].any()


@torch.no_grad()
def test_unet_joins_levels_by_sums() -> None:
    torch.manual_seed(0)
    net = UNet(3, (4, 6), blocks=1)
    x = torch.randn(1, 3, 8, 6)
    kept = net.before[0](net.enter(x))
    deep = net.middle(net.down[0](kept))
    assert deep.shape == (1, 6, 4, 3)
    torch.testing.assert_close(net(x), net.leave(net.after[0](kept + net.up[0](deep))))
    assert UNet(3, (4, 6, 8))(torch.randn(1, 3, 7, 5)).shape == (1, 3, 7, 5)


def test_it_works_after_its_operations_were_counted() -> None:
    net = ResidualSwin(16, layers=2)
    gmacs(net, (1, 16, 16, 24))
    x = torch.randn(1, 16, 16, 24)
    assert torch.isfinite(net(x)).all() and type(net(x)) is torch.Tensor
