"""Sub-images are the pixels at one place of every patch, and their features are made alike."""

import pytest
import torch

from lic_image.layers.sub_images import FeatureExtraction, FeatureInversion, join, split


@pytest.mark.parametrize("s", [1, 2, 3, 4])
def test_a_sub_image_has_the_pixels_at_one_place_of_every_patch(s: int) -> None:
    x = torch.randn(2, 3, 4 * s, 5 * s)
    parts = split(x, s)
    for i in range(s):
        for j in range(s):
            assert torch.equal(parts[:, :, i * s + j], x[:, :, i::s, j::s])
    assert torch.equal(join(parts, s), x)


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("s", [1, 2, 3, 4])
@torch.no_grad()
def test_features_are_of_each_sub_image_by_the_same_layers_and_of_the_image(s: int, hidden: int) -> None:
    torch.manual_seed(0)
    x, extraction = torch.randn(2, 3, 4 * s, 5 * s), FeatureExtraction(s, 6, hidden)
    features = extraction(x)
    assert features.shape == (2, 6, s * s + 1, 4, 5)
    for i in range(s):
        for j in range(s):
            torch.testing.assert_close(features[:, :, i * s + j], extraction.of_parts(x[:, :, i::s, j::s]))
    torch.testing.assert_close(features[:, :, -1], extraction.of_image(x))


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("s", [1, 2, 3])
@torch.no_grad()
def test_the_image_is_the_sum_of_sub_images_and_its_own_part(s: int, hidden: int) -> None:
    torch.manual_seed(0)
    inversion, features = FeatureInversion(s, 6, hidden), torch.randn(2, 6 * (s * s + 1), 4, 5)
    found = inversion(features)
    assert found.shape == (2, 3, 4 * s, 5 * s)
    expected = inversion.to_image(features[:, -6:])
    for i in range(s):
        for j in range(s):
            first = 6 * (i * s + j)
            expected[:, :, i::s, j::s] += inversion.to_parts(features[:, first : first + 6])
    torch.testing.assert_close(found, expected)
