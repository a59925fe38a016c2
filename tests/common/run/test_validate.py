"""Numbers that are no numbers are found before anything is computed."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import compose

from common.errors import LicError
from common.run.validate import check_read, check_settings


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("lmbda", "abc", "lmbda is 'abc', which must be a positive number"),
        ("lmbda", "013e-3", "lmbda is '013e-3'"),
        ("lmbda", float("inf"), "lmbda is inf"),
        ("lmbda", float("nan"), "lmbda is nan"),
        ("lmbda", 0, "lmbda is 0"),
        ("seed", True, "seed is True"),
        ("data.resize", 256, "data.resize is 256, which must be true or false; data.crop is the side"),
        ("seed", -1, "seed is -1, which must be a whole number from 0"),
        ("seed", 2**32, "to 4294967295"),
        ("trainer.max_steps", "many", "trainer.max_steps is 'many'"),
        ("trainer.max_steps", 0, "from 1 on"),
        ("data.batch_size", 0.5, "data.batch_size is 0.5"),
        ("data.num_workers", -1, "from 0 on"),
    ],
)
def test_what_does_not_fit_is_named(key: str, value: object, what: str) -> None:
    cfg = OmegaConf.create({"lmbda": 0.01, "seed": 0, "trainer": {"max_steps": 1}, "data": {"batch_size": 1}})
    check_settings(cfg)
    OmegaConf.update(cfg, key, value, force_add=True)
    with pytest.raises(LicError, match=what):
        check_settings(cfg)


@pytest.mark.parametrize(
    "model", ["image/swift", "image/mean_hyperprior", "image/adjacent", "video/ofmc", "video/ssf2020"]
)
@pytest.mark.parametrize("lmbda", ["abc", "013e-3", "null", "inf"])
def test_a_rate_that_is_none_is_found_with_any_system(model: str, lmbda: str) -> None:
    with pytest.raises(LicError, match="lmbda is"):
        check_settings(compose(f"model={model}", f"lmbda={lmbda}"))


@pytest.mark.parametrize("choice", ["quantiser=mixed", "rate=gains", "importance=map"])
def test_what_is_put_around_a_codec_is_for_what_codes(choice: str) -> None:
    """A quantiser is also for video codecs."""
    for model in ("image/swift", "image/compressai/mbt2018", *(["video/ofmc"] if "quantiser" in choice else [])):
        check_read(compose(f"model={model}", choice), "train")
    group = choice.partition("=")[0]
    for model in ("flow/raft", *(["video/ofmc"] if "quantiser" not in choice else [])):
        check_read(compose(f"model={model}"), "train")
        with pytest.raises(LicError, match=f"{group}: it is not for this network"):
            check_read(compose(f"model={model}", choice), "train")


@pytest.mark.parametrize("recipe", ["layered", "near_lossless", "intra", "enveloped_downscale", "demo"])
def test_the_lambda_of_a_recipe_is_in_the_unit_of_its_own_distortion(recipe: str) -> None:
    for distortion in ("ms_ssim", "l1"):
        check_settings(compose(f"experiment=image/{recipe}", f"distortion={distortion}", "lmbda=2"))
        with pytest.raises(LicError, match=r"for another distortion: λ depends on it\. Give lmbda=…"):
            check_settings(compose(f"experiment=image/{recipe}", f"distortion={distortion}"))
    for fits in ("distortion=mse", "distortion=edge"):
        check_settings(compose(f"experiment=image/{recipe}", fits))
    check_settings(compose("experiment=video/ofmc", "stage=lmbda_512", "distortion=video_mse"))
    for whose in ("model=image/swift", "experiment=image/mean_hyperprior", "ablation=adjacent_table3_modules"):
        check_settings(compose(whose, "distortion=ms_ssim"))


@pytest.mark.parametrize("typed", ["model.codec.N=0", "model.codec.M=-4", "model.codec.N=1.5"])
def test_a_network_has_channels(typed: str) -> None:
    check_settings(compose())
    with pytest.raises(LicError, match=f"{typed.partition('=')[0]} is .*, which must be a whole number from 1 on"):
        check_settings(compose(typed))


def test_a_flow_network_needs_no_rate() -> None:
    check_settings(compose("model=flow/raft"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+lambda=0.01", "did you mean lmbda"),
        ("+report.publishd=[x]", "did you mean report.published"),
        ("+lr=1e-3", "did you mean model.optimizer.lr"),
        ("+whatever.that.may_be=1", "leave it out"),
    ],
)
def test_an_added_setting_that_nothing_reads_is_refused(typed: str, meant: str) -> None:
    with pytest.raises(LicError, match=f"nothing reads the setting {typed[1:].partition('=')[0]}: {meant}"):
        check_read(compose(typed), "train")


@pytest.mark.parametrize(
    ("choices", "typed"),
    [
        (["model=image/enveloped"], "inner.lowest=20"),
        (["model=image/enveloped", "post=arcnn"], "inner.classical=false"),
        (["experiment=image/enveloped_restore", "inner=mean_hyperprior"], "recipe_qualities.trained=[10,60]"),
        (["experiment=image/enveloped_restore", "inner=mean_hyperprior"], "inner.lowest=20"),
        (["experiment=image/enveloped_restore", "inner.codec.trained_qualities=[5,9]"], "recipe_qualities.trained=[1]"),
    ],
)
def test_what_a_configuration_offers_is_refused_if_it_is_typed_for_nothing(choices: list[str], typed: str) -> None:
    check_read(compose(*choices), "train")
    with pytest.raises(LicError, match=f"nothing reads the setting {typed.partition('=')[0]}"):
        check_read(compose(*choices, typed), "train")


@pytest.mark.parametrize(
    "typed", ["inner.lowest=20", "inner.classical=false", "recipe_qualities.trained=[1,2]", "recipe_qualities.files=40"]
)
def test_what_a_configuration_offers_may_be_typed_where_it_is_read(typed: str) -> None:
    added = "+" * (typed.startswith("recipe_qualities.files"))
    check_read(compose("experiment=image/enveloped_restore", f"{added}{typed}"), "train")


@pytest.mark.parametrize(
    "typed", ["+trainer.limit_val_batches=1", "+callbacks.mine._target_=a.B", "+model.codec.depth=3", "+parts.a=runs/b"]
)
def test_an_added_setting_that_a_constructor_takes_is_left_to_it(typed: str) -> None:
    check_read(compose(typed), "train")


def test_a_setting_of_a_file_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    for text, fits in [("lamda: 0.01", False), ("width: 32\nmodel: {codec: {N: '${width}'}}", True)]:
        file.write_text(text)
        cfg = compose()
        OmegaConf.set_struct(cfg, False)
        cfg.merge_with(OmegaConf.load(file))
        if fits:
            check_read(cfg, "train")
        else:
            with pytest.raises(LicError, match="nothing reads the setting lamda: did you mean lmbda"):
                check_read(cfg, "train")


def test_what_training_and_evaluation_share_may_hold_settings_of_the_other() -> None:
    cfg = compose(root="eval")
    OmegaConf.set_struct(cfg, False)
    cfg.threads = 1  # as conf/local/default.yaml may say
    check_read(cfg, "eval")
    with pytest.raises(LicError, match="nothing reads the setting threads"):
        check_read(compose("+threads=1", root="eval"), "eval")


@pytest.mark.parametrize("root", ["train", "eval"])
def test_every_setting_of_our_own_configurations_is_read(root: str) -> None:
    choices = [[], ["data=image/folder"], ["model=flow/deeppynet"], ["model=video/ofmc"]]
    if root == "train":
        choices += [["experiment=image/adjacent"], ["experiment=video/ofmc", "stage=motion"], ["debug=profile"]]
        choices += [["ablation=ofmc_table710_modules"], ["callbacks=ema"], ["logger=wandb"]]
        # what is typed takes the place of what referred to a constant of the recipe
        choices += [["experiment=image/cheng2020", "model.codec.N=64"], ["experiment=image/adjacent", "lmbdas='1,2'"]]
    for overrides in choices:
        check_read(compose(*overrides, root=root), root)


def test_what_is_missing_null_or_of_another_shape_is_left_to_others() -> None:
    check_settings(OmegaConf.create({"lmbda": None, "threads": None, "data": {"crop": [1, 2], "batch_size": "???"}}))


def test_a_study_that_lacks_its_title_is_refused_before_it_is_trained() -> None:
    cfg = compose("ablation=ticm_table77")
    check_settings(cfg)
    del cfg.study.title
    with pytest.raises(LicError, match="lacks title"):
        check_settings(cfg)
