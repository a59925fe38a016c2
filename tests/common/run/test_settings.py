"""The roles of settings."""

from common.run.settings import ROLES, Role, changed, flatten, having


def test_flatten_by_hand() -> None:
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": None}) == {"a.b": 1, "a.c": [1, 2], "d": None}


def test_where_a_run_reports_may_change_what_it_computes_may_not() -> None:
    old = {"seed": 0, "logger": {"name": "csv"}, "trainer": {"max_steps": 1, "enable_progress_bar": True}}
    assert changed(old, {**old, "logger": {"name": "wandb", "group": "x"}, "runs": "elsewhere"}) == []
    assert changed(old, {"seed": 1, "trainer": {"max_steps": 2}}) == ["seed", "trainer.max_steps"]


def test_a_setting_that_computes_nothing_may_change_and_names_no_folder() -> None:
    assert {"label", "logger", "runs", "report"} <= set(having(Role.FREE)) & set(having(Role.NO_FOLDER))
    for key in ("lmbda", "seed", "model", "data.test", "trainer.max_steps"):
        assert not ROLES[key] & (Role.FREE | Role.NO_FOLDER), f"{key} changes what a run computes"
