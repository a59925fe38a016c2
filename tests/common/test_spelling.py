"""The nearest of the names that there are."""

from pathlib import Path

from common.spelling import advice, missing_option, nearest


def test_the_nearest_name() -> None:
    assert nearest("lambda", ["label", "lmbda", "seed"]) == "lmbda"
    assert nearest("mean_hyprior", ["image/hyperprior", "image/mean_hyperprior"]) == "image/mean_hyperprior"
    assert nearest("image/swift", ["flow/raft", "video/dvc"]) == "" == nearest("x", [])


def test_where_none_is_like_it_the_choices_are_named() -> None:
    assert advice("zzz", ["none", "channel"]) == "choose one of none, channel."
    assert advice("zzz", [f"option{n}" for n in range(10)]).endswith("option7 and 2 more.")


def test_options_of_nested_groups_and_of_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "model/mine").mkdir(parents=True)
    (tmp_path / "model/mine/codec.yaml").write_text("a: 1\n")
    assert missing_option("model/image/mean_hyprior", ["model=image/mean_hyprior"]) == (
        "there is no model=image/mean_hyprior: did you mean image/mean_hyperprior?"
    )
    assert missing_option("model/mine/codek", ["model=mine/codek"], str(tmp_path)).endswith("mean mine/codec?")
    assert "a configuration asks for hydra/launcher=slrm" in missing_option("hydra/launcher/slrm", ["seed=1"])
    table = ["ablation=ofmc_gop", "ablation/ofmc_gop=bi_31"]
    assert missing_option("ablation/ofmc_gop/bi_31", table).startswith("there is no ablation/ofmc_gop=bi_31: did you")
    intra = missing_option("model/image/swft", ["model/image@intra=swft"])
    assert intra == "there is no model/image@intra=swft: did you mean swift?"
