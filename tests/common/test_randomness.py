"""What is drawn for a batch does not depend on how it is split."""

import pytest
import torch

from common import randomness
from common.entropy.models import EntropyBottleneck, GaussianConditional


def on_each_rank(size: int, monkeypatch: pytest.MonkeyPatch, call) -> list[torch.Tensor]:  # type: ignore[no-untyped-def]
    results = []
    for rank in range(size):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: size)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        torch.manual_seed(7)
        results.append(call(rank))
        after = torch.rand(())
        monkeypatch.undo()
    results.append(after)
    return results


@pytest.mark.parametrize("size", [2, 4])
def test_noise_is_that_of_one_process(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = torch.randn(4, 3, 2, 5)
    scales = torch.ones_like(batch)
    bottleneck, gaussian = EntropyBottleneck(3), GaussianConditional()
    for call in (
        randomness.uniform_noise,
        lambda x: randomness.rand_for_batch((len(x), 9)),
        lambda x: randomness.spread_for_batch(len(x)),
        lambda x: bottleneck(x, training=True)[0],
        lambda x: gaussian(x, scales[: len(x)], training=True)[0],
    ):
        torch.manual_seed(7)
        alone, alone_after = call(batch), torch.rand(())
        local = batch.chunk(size)
        *parts, after = on_each_rank(size, monkeypatch, lambda rank, c=call, b=local: c(b[rank]))
        assert torch.equal(torch.cat(parts), alone)
        assert torch.equal(after, alone_after)  # and the generators go on alike


def test_range_type_and_shape() -> None:
    noise = randomness.uniform_noise(torch.zeros(1000, 7, dtype=torch.float64))
    assert noise.dtype == torch.float64 and noise.shape == (1000, 7)
    assert -0.5 <= noise.min() < -0.49 and 0.49 < noise.max() < 0.5
    torch.manual_seed(1)
    drawn = randomness.rand_for_batch((3, 2))
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3, 2))
