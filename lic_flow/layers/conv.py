"""A convolution with LeakyReLU: what the pyramids, decoders and context networks of PWC-Net's family consist of."""

from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of the negative half, as in PWC-Net


def conv(channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """(B, channels_in, H, W) -> (B, channels_out, H/stride, W/stride): 3x3, zeros around, LeakyReLU."""
    layer = nn.Conv2d(channels_in, channels_out, 3, stride, padding=dilation, dilation=dilation)
    return nn.Sequential(layer, nn.LeakyReLU(SLOPE))


def flow_conv(channels_in: int) -> nn.Conv2d:
    """(B, channels_in, H, W) -> a flow (B, 2, H, W): 3x3, zeros around, linear."""
    return nn.Conv2d(channels_in, 2, 3, padding=1)


def leaky(x: Tensor) -> Tensor:
    """The activation alone."""
    return F.leaky_relu(x, SLOPE)
