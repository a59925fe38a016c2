"""Groups of image codecs and of video codecs lie in folders of their own and go by their names without it."""

from importlib import resources

import pytest
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from support import compose

from hydra_plugins.lic_conf.source import FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_groups_in_a_folder_go_by_their_own_names(folder: str) -> None:
    groups = {
        group.name: {file.name.removesuffix(".yaml") for file in group.iterdir()}
        for group in resources.files("conf").joinpath(folder).iterdir()
        if group.is_dir()
    }
    with initialize_config_module("conf", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        assert len(groups) > 3 and {*groups} < {*loader.list_groups("")} and folder not in loader.list_groups("")
        for group, options in groups.items():
            assert {*loader.get_group_options(group, ObjectType.CONFIG)} == options


def test_an_option_is_chosen_by_the_name_of_its_group() -> None:
    choices = compose("model=image/mean_hyperprior", "attention=channel").hydra.runtime.choices
    assert choices.attention == "channel"
    with pytest.raises(Exception, match="image_codec/attention"):
        compose("model=image/mean_hyperprior", "image_codec/attention=channel")
