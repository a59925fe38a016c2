"""A better latent for one photograph, found when it is coded: `lic compress --refine N`.

The encoder's y is where an average photograph is best coded. N steps of gradient descent move it to where this one is,
by the loss of training; z follows, as h_a(y). The decoder does not change. Rounding is annealed (`Annealed`), so that
what is optimised becomes what is written.

Y. Yang, R. Bamler, S. Mandt: "Improving inference for neural image compression", NeurIPS 2020, section 3. There y and z
are optimised apart; here z is a function of y, so that any codec can do it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.entropy.quantisers import Annealed
from common.entropy.tables import TableModel
from common.layers.drop_path import DropPath
from common.metrics.image import rate
from lic_image.distortions.contract import Distortion
from lic_image.latents import analysed, latent

LEARNING_RATE = 5e-3  # the paper's
IN_TRAINING_ONLY = (DropPath, nn.modules.dropout._DropoutNd)


def refined(
    codec: CompressionModel,
    x: Tensor,
    lmbda: float,
    distortion: Distortion,
    steps: int,
    context: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """The latent (1, M, h, w) of x (1, 3, H, W), after `steps` of improving bpp + λ·distortion.

    `context` is what the distortion is told beside the pictures.
    """
    with torch.no_grad():
        start = analysed(codec, x)
    y = nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([y], lr=LEARNING_RATE)
    quantiser = Annealed()
    with _as_in_training(codec, quantiser), latent(codec, y), torch.random.fork_rng(devices=_devices(x)):
        torch.manual_seed(0)  # the same command writes the same file
        for step in range(steps):
            quantiser.at(step / steps)
            out = codec(x)
            bpp = rate(out["likelihoods"], x.shape[2] * x.shape[3])
            loss = bpp + lmbda * distortion(out["x_hat"].float(), x, {**(context or {}), **out}).mean()
            (y.grad,) = torch.autograd.grad(loss, [y])
            optimizer.step()
    return y.detach()


@contextmanager
def _as_in_training(codec: CompressionModel, quantiser: Annealed) -> Iterator[None]:
    """Gradients pass, as in training, and `quantiser` stands for rounding; layers that drop something do not."""
    models = [module for module in codec.modules() if isinstance(module, TableModel)]
    before = [model.quantiser for model in models]
    codec.train()
    for module in codec.modules():
        if isinstance(module, IN_TRAINING_ONLY):
            module.eval()
    for model in models:
        model.quantiser = quantiser
    try:
        yield
    finally:
        for model, own in zip(models, before):
            model.quantiser = own
        codec.eval()


def _devices(x: Tensor) -> list[Any]:
    return [x.device] if x.is_cuda else []
