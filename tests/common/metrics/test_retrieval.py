"""Average precision and recall of embeddings, by hand."""

import pytest
import torch

from common.metrics.retrieval import retrieved


def test_four_pictures_on_a_circle() -> None:
    """Angles 0, 10, 25 and 45 degrees, of classes 0, 1, 0, 0."""
    angles = torch.tensor([0.0, 10.0, 25.0, 45.0]).deg2rad()
    found = retrieved(3 * torch.stack([angles.cos(), angles.sin()], 1), [0, 1, 0, 0])
    # of the first: 1, 0, 0 in the order of the others; relevant ones come second and third
    precision = [(1 / 2 + 2 / 3) / 2, None, (1 / 2 + 2 / 3) / 2, (1 + 2 / 3) / 2]
    # of the third: 10 degrees (class 1), then 45 (20 away), then 0 (25 away); of the last: 25, 10, 0
    assert [each["average_precision"] for each in found] == [None if p is None else pytest.approx(p) for p in precision]
    assert [each["recall_at_1"] for each in found] == [0.0, None, 0.0, 1.0]
