"""Names that a run computes from its configuration."""

import pytest
from support import compose

from common.run.names import slug


def test_a_row_of_an_ablation_is_named_without_its_table() -> None:
    table = "ablation=adjacent_table3_modules"
    row = "ablation/adjacent_table3_modules=aab"
    assert slug([table, row, "seed=1", "lmbda=0.1"]) == "row-aab+lmbda-0.1+seed-1"
    cfg = compose(table, row, "seed=1", "size=tiny", "trainer.max_steps=9")
    assert (cfg.name, cfg.row) == ("adjacent_table3_modules", "aab")
    assert cfg.label == "adjacent_tiny row=aab trainer.max_steps=9"
    assert cfg.hydra.run.dir == "runs/adjacent_table3_modules/row-aab+seed-1+size-tiny+trainer.max_steps-9"


def test_stages_of_a_codec_are_one_curve_and_those_of_a_flow_network_are_several() -> None:
    labels = [
        compose("experiment=video/ofmc_tiny", f"stage={stage}").label for stage in ("high", "lmbda_512", "motion")
    ]
    assert labels == ["ofmc_tiny", "ofmc_tiny", "ofmc_tiny motion"]
    assert compose("experiment=flow/deeppynet", "stage=chairs").label.endswith(" stage=chairs")


@pytest.mark.parametrize(("lmbda", "N"), [(0.0018, 128), (0.013, 128), (0.025, 192), (0.18, 192)])
def test_published_widths_follow_the_rate(lmbda: float, N: int) -> None:
    cfg = compose("model=image/mean_hyperprior", f"lmbda={lmbda}")
    assert cfg.model.codec.N == N


@pytest.mark.parametrize("typed", ["lmbdas=[0.0067,0.013,0.025,0.0483]", "lmbdas='0.0067,0.013,0.025,0.0483'"])
def test_a_list_of_lmbdas_may_be_typed_in_brackets(typed: str) -> None:
    """As `rate=gains` wants it."""
    cfg = compose("model=image/mean_hyperprior", "rate=gains", typed, "lmbda=0.018")
    assert cfg.model.codec.N == 128


def test_published_widths_of_ms_ssim_change_at_the_same_quality() -> None:
    assert compose("model=image/hyperprior", "distortion=ms_ssim", "lmbda=31.73").model.codec.M == 192
    assert compose("model=image/hyperprior", "distortion=ms_ssim", "lmbda=60.5").model.codec.M == 320
    assert compose("model=image/hyperprior", "size=tiny").model.codec.M == 48
