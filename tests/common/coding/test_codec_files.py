"""Between pictures and networks: padding, scale, 8 bits, cutting."""

import numpy as np
import pytest
import torch

from common.coding.codec_files import repeatable_convolutions, to_input, to_picture


def test_a_picture_becomes_a_batch_of_one_between_0_and_1() -> None:
    rgb = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
    x = to_input(rgb, 2)
    assert x.shape == (1, 3, 4, 6) and x.dtype == torch.float32
    for row, column, channel in ((0, 0, 0), (3, 5, 2), (1, 4, 0)):
        assert x[0, channel, row, column].item() == np.float32(rgb[row, column, channel]) / np.float32(255)


@pytest.mark.parametrize(
    ("size", "multiple", "padded"), [((5, 7), 4, (8, 8)), ((1, 3), 16, (16, 16)), ((8, 9), 1, (8, 9))]
)
def test_sides_become_multiples_by_repeating_the_last_row_and_column(
    size: tuple[int, int], multiple: int, padded: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    x = to_input(rgb, multiple)
    expected = np.pad(rgb, [(0, a - b) for a, b in zip(padded, size)] + [(0, 0)], mode="edge")
    assert np.array_equal((x[0].permute(1, 2, 0).numpy() * 255).round(), expected)


def test_a_read_only_picture_or_a_view_is_taken_and_left_as_it_is() -> None:
    rgb = np.full((4, 4, 3), 10, np.uint8)
    view = rgb[::-1, ::-1]
    view.flags.writeable = False
    to_input(view, 1).fill_(1)
    assert (rgb == 10).all()


def test_values_are_clamped_and_rounded_to_the_nearest_of_256() -> None:
    levels = torch.tensor([-0.3, 0.0, 0.499 / 255, 0.501 / 255, 1 - 0.501 / 255, 1 - 0.499 / 255, 1.0, 7.0])
    x_hat = levels.view(1, 1, 1, 8).expand(1, 3, 1, 8)
    picture = to_picture(x_hat, 1, 8)
    assert picture.dtype == np.uint8 and picture.flags.c_contiguous
    assert picture[0, :, 1].tolist() == [0, 0, 0, 1, 254, 255, 255, 255]


def test_every_8_bit_picture_of_any_size_comes_back() -> None:
    rgb = np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(3, 256, 1).transpose(1, 0, 2).repeat(3, 2)
    rgb[..., 1] = 255 - rgb[..., 1]
    assert np.array_equal(to_picture(to_input(rgb, 64), 256, 3), rgb)


def test_convolutions_on_gpus_repeat_themselves_inside_and_are_as_before_outside() -> None:
    flags = torch.backends.cudnn
    before = flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32
    with repeatable_convolutions():
        assert (flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32) == (True, False, True, False)
    assert (flags.enabled, flags.benchmark, flags.deterministic, flags.allow_tf32) == before
