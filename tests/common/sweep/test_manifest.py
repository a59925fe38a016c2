"""What a sweep is to have."""

from pathlib import Path

from common.run.names import slug
from common.sweep.manifest import note, planned


def test_plans_add_up_and_are_found_by_the_folders_names(tmp_path: Path) -> None:
    sweep = tmp_path / "runs/sweep"
    assert planned(sweep) == {}
    note(sweep, {slug(point): point for point in (["lmbda=1", "size=tiny"], ["lmbda=2", "size=tiny"])})
    note(sweep, {slug(point): point for point in (["lmbda=2", "size=tiny"], ["lmbda=3"])})
    plan = planned(sweep)
    assert list(plan) == [slug(["lmbda=1", "size=tiny"]), slug(["lmbda=2", "size=tiny"]), slug(["lmbda=3"])]
    assert plan[slug(["lmbda=3"])] == ["lmbda=3"]
