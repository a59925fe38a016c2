"""Which blocks are decoded together, what each sees, and that it sees nothing later."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lic_image.layers.intra_loop import Canvas, Group, decoded, everywhere, waves
from lic_image.layers.intra_modes import Context

CPU = torch.device("cpu")


def numbered(h: int, w: int, batch: int = 1) -> Canvas:
    """Every sample of the block i w + j is 1 + i w + j, and 100 more in the second picture."""
    canvas = Canvas(batch, (h, w), torch.zeros(1))
    of_block = 1 + torch.arange(h * w, dtype=torch.float32)
    values = of_block + 100 * torch.arange(batch)[:, None]
    canvas.put(everywhere((h, w), CPU), values.flatten()[:, None, None, None].expand(-1, 3, 8, 8))
    return canvas


def test_waves_by_hand() -> None:
    assert [wave.positions.tolist() for wave in waves((2, 4), CPU)] == [[0], [1], [2, 4], [3, 5], [6], [7]]


def test_blocks_lie_in_the_picture_where_they_were_put() -> None:
    canvas = numbered(2, 3, batch=2)
    assert canvas.samples.shape == (2, 3, 16, 24)
    assert canvas.samples[0, 2, ::8, ::8].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert canvas.samples[1, 0, 7::8, 7::8].tolist() == [[101, 102, 103], [104, 105, 106]]
    taken = canvas.blocks(everywhere((2, 3), CPU))
    assert taken.shape == (12, 3, 8, 8) and taken[7].unique().tolist() == [102]


@pytest.mark.parametrize(
    ("position", "above", "left"),
    [(0, [0, 0, 0], 0), (1, [0, 0, 0], 1), (3, [0, 1, 2], 0), (4, [1, 2, 3], 4), (5, [2, 3, 0], 5)],
)
def test_the_context_of_a_block(position: int, above: list[int], left: int) -> None:
    """Of 2 x 3 blocks; 0 is what is not there, which the masks say, too."""
    context = numbered(2, 3).context(everywhere((2, 3), CPU))
    assert context.above[position, 0, 0, ::8].tolist() == above
    assert context.left[position, 0].unique().tolist() == [left]
    assert context.above_known[position, 0, 7, ::8].tolist() == [float(block > 0) for block in above]
    assert context.left_known[position].unique().item() == float(left > 0)


def test_decoding_by_waves_is_decoding_block_by_block() -> None:
    """Each block is one more than the sum of the four that it may see, as a loop in raster order finds it."""
    h, w = 4, 5

    def decode(wave: Group, context: Context) -> Tensor:
        total = context.above[:, :, 0, ::8].sum(2) + context.left[:, :, 0, 0]
        return (1 + total)[..., None, None].expand(-1, -1, 8, 8)

    wanted = np.zeros((h + 1, w + 2))
    for i, j in np.ndindex(h, w):
        wanted[i + 1, j + 1] = 1 + wanted[i, j : j + 3].sum() + wanted[i + 1, j]
    found = decoded(2, (h, w), torch.zeros(1), decode).samples
    assert torch.equal(found[1, 1, ::8, ::8], torch.from_numpy(wanted[1:, 1:-1]).float())
