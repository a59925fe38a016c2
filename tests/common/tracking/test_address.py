"""Where a tracked run is seen, as reports link to it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from common.report.html.training_part import Run, addresses
from common.run.folder import RunFolder
from common.tracking.tracker import _keep_address


@pytest.mark.parametrize("url", ["https://wandb.ai/me/lic/runs/abc", None])
def test_a_run_knows_where_wandb_shows_it_unless_it_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    import wandb

    run = [Run("net", "net", "λ 1", tmp_path)]
    monkeypatch.setattr(wandb, "run", None)
    _keep_address(RunFolder(tmp_path))
    assert addresses(run) == []
    monkeypatch.setattr(wandb, "run", SimpleNamespace(url=url))
    _keep_address(RunFolder(tmp_path))
    assert addresses(run) == ([("net · λ 1", url)] if url else [])
