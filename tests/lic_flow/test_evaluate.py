"""Protocol `flow`: truth as prediction has no error, every set apart; test splits become submissions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from support import compose
from support.flow_folders import fake_flyingchairs, fake_hd1k, fake_kitti, fake_middlebury, fake_sintel
from torch import nn

from common.data.flow_files import read_flow
from common.metrics.own import checked
from lic_flow.data import FlowData
from lic_flow.evaluate import FlowProtocol, photometric


class Told(nn.Module):
    """Answers with the truth of the set that is being evaluated, plus an error."""

    multiple = 1

    def __init__(self, data: FlowData, error: float = 0.0) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))
        self.error = error
        self.truth = {
            pairs[n]["first"].numpy().tobytes(): pairs[n].get("flow")
            for pairs in data.test_sets().values()
            for n in range(len(pairs))
        }

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        flow = self.truth.get((first[0] * 255).round().byte().numpy().tobytes())
        flow = torch.zeros_like(first[0, :2]) if flow is None else flow.clone()
        flow[0] += self.error
        return [flow[None]]


def fakes(tmp_path: Path) -> list[str]:
    roots = {
        "flyingchairs": fake_flyingchairs(tmp_path / "chairs"),
        "sintel": fake_sintel(tmp_path / "sintel"),
        "kitti2012": fake_kitti(tmp_path / "2012", camera="colored_0"),
        "kitti2015": fake_kitti(tmp_path / "2015"),
        "hd1k": fake_hd1k(tmp_path / "hd1k"),
        "middlebury": fake_middlebury(tmp_path / "middlebury"),
    }
    paths = [f"data.roots.{name}={root}" for name, root in roots.items()]
    return ["model=flow/deeppynet", "size=tiny", "data=flow/published", *paths]


def protocol() -> FlowProtocol:
    return instantiate(compose("model=flow/deeppynet").protocol)


def test_truth_has_no_error_on_any_set(tmp_path: Path) -> None:
    names = "flyingchairs_all,sintel_clean,sintel_final,kitti2012,kitti2015,hd1k,middlebury"
    data: FlowData = instantiate(compose(*fakes(tmp_path), f"data.test=[{names}]").data)
    out = tmp_path / "out"
    found = protocol()(Told(data), "told", data, out)
    epes = {key: value for key, value in found.points[0].items() if key.endswith("/epe")}
    assert set(epes) == {f"{name}/epe" for name in names.split(",")}
    assert set(epes.values()) == {0.0}
    for name in names.split(","):
        flow, valid = (torch.stack([s[k] for s in data.test_sets()[name]]) for k in ("flow", "valid"))  # type: ignore[attr-defined]
        assert found.points[0][f"{name}/zero_epe"] == pytest.approx(flow.norm(dim=1)[valid].mean().item(), rel=1e-5)
    wrong = protocol()(Told(data, error=2.0), "told", data, out)
    assert all(value == pytest.approx(2, abs=1e-5) for key, value in wrong.points[0].items() if key.endswith("/epe"))
    assert all(value == 100.0 for key, value in wrong.points[0].items() if key.endswith("/1px"))
    assert {record["set"] for record in found.details["pairs"]} == set(names.split(","))
    assert (out / "pairs.csv").read_text().count("\n") == len(found.details["pairs"]) + 1
    sheets = sorted((out / "flow").glob("sintel_clean_*.png"))
    assert len(sheets) == 3 and np.asarray(Image.open(sheets[0])).ndim == 3


def test_measures_of_ones_own_are_means_over_pairs(tmp_path: Path) -> None:
    data: FlowData = instantiate(compose(*fakes(tmp_path), "data.test=[kitti2015]").data)
    evaluation = protocol()
    evaluation.metrics = checked({"right": lambda flow_hat, flow, valid: (flow_hat - flow)[:, 0][valid].mean()})
    found = evaluation(Told(data, error=2.0), "told", data, tmp_path / "out")
    assert found.points[0]["kitti2015/right"] == pytest.approx(2, abs=1e-4)
    assert "right" in (tmp_path / "out/pairs.csv").read_text().splitlines()[0]


def test_submissions(tmp_path: Path) -> None:
    names = "sintel_clean_test,sintel_final_test,kitti2012_test,kitti2015_test"
    data: FlowData = instantiate(compose(*fakes(tmp_path), f"data.test=[{names}]").data)
    found = protocol()(Told(data, error=1.5), "told", data, tmp_path / "out")
    assert set(found.points[0]) == {f"{name}/{e}_error" for name in names.split(",") for e in ("still", "warp")}
    written = {str(p.relative_to(tmp_path / "out/submission")) for p in (tmp_path / "out/submission").rglob("*.*")}
    assert {"sintel/clean/wall/frame0001.flo", "sintel/final/wall/frame0001.flo"} <= written
    assert any(name.startswith("kitti2012/00000") for name in written)
    assert any(name.startswith("kitti2015/flow/00000") for name in written)
    for name in written:
        flow, valid = read_flow(tmp_path / "out/submission" / name)
        assert valid.all() and (flow[0] == 1.5).all() and (flow[1] == 0).all()


def test_warping_back_by_the_right_flow_explains_the_difference() -> None:
    second = torch.randint(0, 256, (3, 8, 12), dtype=torch.uint8)
    sample = {"first": second.roll(-2, 2), "second": second}
    flow = torch.zeros(2, 8, 12)
    flow[0] = 2
    found = photometric(sample, flow)
    right = (sample["first"].float() - second.float()[:, :, [*range(2, 12), 11, 11]]).abs().mean().item()
    assert found["warp_error"] == pytest.approx(right, abs=1e-3) and found["warp_error"] < 0.4 * found["still_error"]
