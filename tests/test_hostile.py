"""2000 of the mutated streams of `python -m benchmarks.hostile --count 100000`: an error or the right picture."""

from collections import Counter

from benchmarks.hostile import Campaign, Case


def test_mutated_streams_end_in_an_error_or_in_the_right_pixels() -> None:
    campaign = Campaign()
    ended: Counter[str] = Counter()
    wrong: list[Case] = []
    for case in campaign.run(iter(range(2000))):
        ended[case.outcome] += 1
        if case.outcome not in ("error", "right"):
            wrong.append(case)
    assert not wrong
    assert ended["right"] > 20  # lies about what is not looked at, and versions that code alike


def test_a_decoder_that_gives_other_pixels_is_found() -> None:
    campaign = Campaign()
    files = campaign.files["factorized"]
    decode = files.decode
    files.decode = lambda data: decode(data)._replace(rgb=255 - decode(data).rgb)
    campaign.files = {"factorized": files}
    assert any(case.outcome == "wrong pixels" for case in campaign.run(iter(range(100))))
