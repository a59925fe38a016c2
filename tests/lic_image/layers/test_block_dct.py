"""The starting transform is the DCT that everybody knows."""

import math

import torch

from lic_image.layers.block_dct import basis_order, block_dct, colour_matrix, dct_matrix


def test_dct_of_size_two_by_hand() -> None:
    half = math.sqrt(0.5)
    assert torch.allclose(dct_matrix(2), torch.tensor([[half, half], [half, -half]], dtype=torch.float64))


def test_all_192_rows_are_orthonormal() -> None:
    matrix = block_dct(192)
    assert torch.allclose(matrix @ matrix.T, torch.eye(192), atol=1e-6)


def test_the_first_row_averages_the_block() -> None:
    """Orthonormal over 192 samples: a block of constant value v has the coefficient v * sqrt(192), all others none."""
    block = torch.full((192,), 0.3)
    coefficients = block_dct(192) @ block
    assert torch.isclose(coefficients[0], torch.tensor(0.3 * math.sqrt(192)), atol=1e-5)
    assert coefficients[1:].abs().max() < 1e-5


def test_rows_agree_with_the_definition_written_out() -> None:
    matrix = block_dct(40)
    colours = colour_matrix()
    for m in (1, 7, 39):
        c, u, v = basis_order(40)[m]
        for colour, i, j in ((0, 0, 0), (1, 3, 5), (2, 7, 2)):
            du = math.sqrt((1 if u == 0 else 2) / 8) * math.cos(math.pi * (2 * i + 1) * u / 16)
            dv = math.sqrt((1 if v == 0 else 2) / 8) * math.cos(math.pi * (2 * j + 1) * v / 16)
            expected = colours[c, colour].item() * du * dv
            assert math.isclose(matrix[m, colour * 64 + i * 8 + j].item(), expected, abs_tol=1e-6)


def test_low_frequencies_come_first_and_luma_before_chroma() -> None:
    order = basis_order(192)
    assert order[0] == (0, 0, 0) and len(set(order)) == 192
    assert order.index((0, 1, 0)) < order.index((0, 3, 3)) and order.index((0, 1, 1)) < order.index((1, 1, 1))
