"""Where benchmarks say that coding's time goes."""

import numpy as np
import pytest
import torch

from benchmarks.parts import PARTS, floor, split
from lic_image.codecs.compressai_zoo import JointAutoregressive
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.ticm import TICM
from lic_image.files import ImageFiles


@pytest.mark.parametrize("kind", [MeanHyperprior, JointAutoregressive])
def test_every_part_has_its_time_and_all_products_are_counted(kind: type) -> None:
    torch.manual_seed(0)
    codec = kind(8, 12).eval()
    files = ImageFiles(codec, "x")
    rgb = np.random.default_rng(0).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    data = files.encode(rgb)
    works = {"encode": lambda: files.encode(rgb), "decode": lambda: files.decode(data)}
    for work in works.values():
        taken = split(codec, work, 1)
        assert all(taken[part] > 0 for part in PARTS)
        assert 0.5 * taken["all"] < sum(taken[part] for part in PARTS) <= taken["all"]
    least = floor(codec, works["decode"])
    least.alone()

    def syntheses() -> None:
        codec.h_s(torch.zeros(1, 8, 1, 2)), codec.g_s(torch.zeros(1, 12, 4, 8))

    rest = least.operations - floor(codec, syntheses).operations
    layers = [p.weight.numel() for p in getattr(codec, "entropy_parameters", []) if hasattr(p, "weight")]
    assert rest == 2 * 32 * sum([12 * 12 * 24, *layers] if layers else [])  # the waves have 4 x 8 positions in all


def test_positions_that_also_remember_are_counted() -> None:
    """ticm's second group of channels is told what it remembers, besides where its neighbours are."""
    torch.manual_seed(0)
    codec = TICM((16, 16, 32, 32, 48), mlp=(2,) * 5, reductions=(4, 2, 1, 1, 1), head=16).eval()
    x = torch.rand(1, 3, 64, 128)
    with torch.inference_mode():
        out = codec.compress(x)
        least = floor(codec, lambda: codec.decompress(out["strings"], out["shape"]))
        least.alone()
        rest = floor(codec, lambda: (codec.h_s(torch.zeros(1, 48, 1, 2)), codec.g_s(torch.zeros(1, 32, 4, 8))))
    context = codec.context
    layers = [context.local_1, context.local_2, *context.told_1, *context.told_2, context.query]
    keys = [context.key, context.value]
    products = sum(layer.weight.numel() for layer in [*layers, *keys] if isinstance(layer, torch.nn.Linear))
    assert least.operations - rest.operations == pytest.approx(2 * 32 * products, rel=0.1)
