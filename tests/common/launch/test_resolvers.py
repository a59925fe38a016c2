"""Names that a run computes from its configuration."""

import pytest
from support import compose

from common.launch.resolvers import LONGEST, slug


def test_folder_name_is_the_sorted_overrides() -> None:
    assert slug(["size=tiny", "lmbda=0.013"]) == "lmbda-0.013+size-tiny" == slug(["lmbda=0.013", "size=tiny"])


def test_the_last_of_two_overrides_counts() -> None:
    assert slug(["lmbda=0.1", "lmbda=0.2"]) == "lmbda-0.2"


def test_what_does_not_change_the_result_does_not_change_the_folder() -> None:
    silent = ["logger=wandb", "logger.project=x", "hydra.verbose=true", "runs=/a", "data.roots.sintel=/b"]
    assert slug(["lmbda=1", *silent]) == "lmbda-1"


def test_nothing_overridden() -> None:
    assert slug([]) == slug(["experiment=image/demo"]) == "default"


def test_names_that_a_file_system_refuses_stay_distinct() -> None:
    a, b = slug(["data.train=/x/y"]), slug(["data.train=-x-y"])
    assert "/" not in a and a != b
    long = slug([f"model.codec.N={'1' * 300}"])
    assert len(long) < LONGEST + 20 and long != slug([f"model.codec.N={'1' * 301}"])


def test_a_row_of_an_ablation_is_named_without_its_table() -> None:
    table = "ablation=adjacent_table3_modules"
    row = "ablation/adjacent_table3_modules=aab"
    assert slug([table, row, "seed=1", "lmbda=0.1"]) == "row-aab+lmbda-0.1+seed-1"
    cfg = compose(table, row, "seed=1", "size=tiny", "trainer.max_steps=9")
    assert (cfg.name, cfg.row) == ("adjacent_table3_modules", "aab")
    assert cfg.label == "adjacent_tiny row=aab trainer.max_steps=9"
    assert cfg.hydra.run.dir == "runs/adjacent_table3_modules/row-aab+seed-1+size-tiny+trainer.max_steps-9"


def test_a_run_folder_with_a_long_name_is_named_by_its_end() -> None:
    long = f"runs/intra/{'data-image+' * 10}0123abcd-89abcdef"
    cfg = compose("model=video/ofmc", "size=tiny", f"parts.intra='{long}'", "parts.motion_estimation.network=runs/flow")
    assert cfg.label == "ofmc_tiny parts.intra=…ge+0123abcd-89abcdef parts.motion_estimation.network=runs/flow"


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


def test_published_widths_of_ms_ssim_change_at_the_same_quality() -> None:
    assert compose("model=image/hyperprior", "distortion=ms_ssim", "lmbda=31.73").model.codec.M == 192
    assert compose("model=image/hyperprior", "distortion=ms_ssim", "lmbda=60.5").model.codec.M == 320
    assert compose("model=image/hyperprior", "size=tiny").model.codec.M == 48
