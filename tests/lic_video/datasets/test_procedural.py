"""Procedural clips as test sequences."""

import numpy as np

from common.data.sequences import sequences_identity
from lic_video.datasets.procedural import procedural_sequences


def test_they_need_no_files_and_come_again() -> None:
    found = procedural_sequences(count=2, size=(16, 24), frames=3)
    assert [sequence.name for sequence in found] == ["scene_0", "scene_1"]
    frames = [list(sequence.clip()) for sequence in found]
    assert np.array(frames).shape == (2, 3, 16, 24, 3) and frames[0][0].dtype == np.uint8
    np.testing.assert_array_equal(list(found[0].clip()), frames[0])
    assert (
        sequences_identity("a", found) == sequences_identity("a", found[::-1]) != sequences_identity("a", 2 * found[:1])
    )
    assert found[0]._replace(conversion="bt709").conversion == "bt709"
