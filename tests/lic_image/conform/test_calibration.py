"""Weights for untrained codecs: finite, whatever the first steps do."""

import torch
from torch import Tensor, nn

from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.conform.calibration import RATE, calibrate


class Steep(MeanHyperprior):
    """A step of `RATE`, either way, overflows; one of a tenth of it does not."""

    def __init__(self) -> None:
        super().__init__(8, 12)
        self.offset = nn.Parameter(torch.tensor(1e-6))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        out = super().forward(x)
        steep = (100 / RATE * self.offset).cosh() - 1  # e^100 is no float32
        return {**out, "x_hat": out["x_hat"] + steep}


def test_a_step_that_overflows_is_taken_back() -> None:
    torch.manual_seed(0)
    codec, x = Steep(), torch.rand(1, 3, 128, 128)
    before = codec.g_s[0].weight.detach().clone()
    calibrate(codec, x)
    assert all(p.isfinite().all() for p in codec.parameters())
    assert not torch.equal(codec.g_s[0].weight, before), "the steps after it are taken"
    with torch.inference_mode():
        assert codec.eval()(x)["x_hat"].isfinite().all()
