import pytest

from common.report.words import (
    figure_in_words,
    heading_of,
    overrides_in_words,
    setting_in_words,
    told_apart,
    value_in_words,
)


@pytest.mark.parametrize(
    ("protocol", "dataset", "heading"),
    [
        ("image", "kodak 24 pictures 5f2c91ab", "Photographs: kodak, 24 pictures"),
        ("image", "my photos 1 pictures 5f2c91ab", "Photographs: my photos, 1 picture"),
        (
            "flow",
            "sintel_clean 2 pairs 01234567, stereo 1 pairs",
            "Optical flow: sintel_clean, 2 pairs; stereo, 1 pair",
        ),
        ("dvc_gop", "uvg 7 sequences 0a1b2c3d", "Clips, measured as DVC does: uvg, 7 clips"),
        ("my_own", "whatever <b>", "my own: whatever <b>"),
        (None, None, "Published curves"),
    ],
)
def test_headings_have_neither_hash_nor_key(protocol: str | None, dataset: str | None, heading: str) -> None:
    assert heading_of(protocol, dataset) == heading


def test_other_files_of_one_name_have_another_heading() -> None:
    assert told_apart(["a", "b", "a", "a"]) == ["a", "b", "a (other files, set 2)", "a (other files, set 3)"]


def test_keys_and_values_in_words() -> None:
    assert (
        figure_in_words("val/ms_ssim") == "validation: MS-SSIM"
        and figure_in_words("train/my_loss") == "training: my loss"
    )
    assert setting_in_words("trainer.max_steps") == "training steps"
    assert setting_in_words("model.codec.decoder_attention._target_") == "decoder attention"
    assert value_in_words("lic_image.layers.gdn.GDN") == "GDN" and value_in_words("null") == "none"
    assert [value_in_words(text) for text in ("0.5", "a b.c", "[1, 2]")] == ["0.5", "a b.c", "[1, 2]"]
    assert overrides_in_words("demo trainer.max_steps=20 data.crop=64") == "demo, training steps 20, side of crops 64"
