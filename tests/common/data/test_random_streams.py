"""Numbers of one seed and sample, for different uses."""

from itertools import combinations

from common.data.random_streams import Stream, generator


def test_the_same_numbers_give_the_same_draws_and_other_uses_others() -> None:
    draws = {stream: generator(0, 7, stream).random(4).tolist() for stream in Stream}
    assert draws == {stream: generator(0, 7, int(stream)).random(4).tolist() for stream in Stream}
    assert all(draws[a] != draws[b] for a, b in combinations(Stream, 2))
    assert generator(0, 7).random() not in [first for first, *_ in draws.values()], "the scene's own"
