"""A file is decoded by the rules of its version; outside of `coding_by` the present ones hold."""

from threading import Thread

import pytest

from common.entropy import container, video_container
from common.entropy.rules import PRESENT, Rules, coding_by, of_clip, of_image, rules


def test_what_is_written_today_follows_the_present_rules() -> None:
    assert of_image(container.VERSION, exact=True) == of_clip(video_container.VERSION, exact=True) == PRESENT == rules()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (of_image(1), Rules(exact=False, lanes=False, wavefronts=False, nearest_scale=False)),
        (of_image(2), Rules(exact=False, lanes=False, wavefronts=False)),
        (of_image(3), Rules(exact=False)),
        (of_clip(4), Rules(exact=False, lanes=False, wavefronts=False)),
        (of_clip(5), Rules(exact=False)),
    ],
)
def test_older_versions(found: Rules, expected: Rules) -> None:
    assert found == expected


def test_rules_end_with_their_block_and_are_those_of_one_thread() -> None:
    seen: list[Rules] = []
    with coding_by(of_image(1)):
        with coding_by(of_image(2)):
            assert rules() == of_image(2)
        assert rules() == of_image(1)
        other = Thread(target=lambda: seen.append(rules()))
        other.start()
        other.join()
        with pytest.raises(KeyError), coding_by(of_clip(4)):
            raise KeyError
        assert rules() == of_image(1)
    assert seen == [PRESENT] and rules() == PRESENT
