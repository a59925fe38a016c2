import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import LicError
from lic_flow.datasets.stereo import StereoPair


def test_flow_leads_from_the_left_picture_to_the_right() -> None:
    pairs = StereoPair()
    assert len(pairs) == 1 and pairs.name(0) == "motorcycle" and pairs.has_flow and not pairs.has_occlusion
    sample = pairs[0]
    assert sample["first"].dtype == torch.uint8 and sample["first"].shape == sample["second"].shape == (3, 500, 741)
    assert sample["flow"].dtype == torch.float32 and sample["flow"].shape == (2, 500, 741)
    u, v = sample["flow"].numpy()
    valid = sample["valid"].numpy()
    assert 0.9 < valid.mean() < 0.95 and (u[valid] < -7).all() and (u[valid] > -60).all()
    assert not v.any() and not u[~valid].any()

    first, second = sample["first"].numpy().astype(float), sample["second"].numpy().astype(float)
    y, x = np.mgrid[:500, :741]
    known = valid & (x + u >= 0)
    warped = np.abs(second[:, y, np.rint(x + u).astype(int).clip(0)] - first)[:, known].mean()
    assert warped < 0.25 * np.abs(second - first)[:, known].mean()


def test_a_scikit_image_without_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("skimage", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(LicError, match=r"scikit-image does not carry .*motorcycle_left\.png"):
        StereoPair()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LicError, match="install it with 'pip install scikit-image'"):
        StereoPair()
