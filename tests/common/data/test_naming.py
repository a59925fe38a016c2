import os
import random
from pathlib import Path

import pytest

from common.data.naming import LONGEST, distinct_names, recorded_name, safe_name


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["k/kodim01.png", "k/kodim02.png"], ["kodim01", "kodim02"]),
        (["x/a/1.png", "y/a/1.png"], ["x-1", "y-1"]),
        (["s/1.png", "s/1.jpg", "s/2.png"], ["1-png", "1-jpg", "2"]),
        (["x/1.png", "x/1.jpg", "y/1.png"], ["x-1-png", "x-1-jpg", "y-1"]),
        (["x/a/1.png", "x/b/1.png", "y/a/1.png"], ["x-a-1", "x-b-1", "y-a-1"]),
        (["s/Cat.png", "s/cat.jpg"], ["Cat-png", "cat-jpg"]),
        (["a/1.png", "b/1.png", "b/a-1.png"], ["a-1-2", "b-1", "a-1"]),
        (["a-b/c/1.png", "a/b-c/1.png"], ["b-c-1", "c-1"]),
        (["s/IMG.1.png", "s/IMG.2.png"], ["IMG.1", "IMG.2"]),
        (["s/über.png", "s/u\u0308ber.jpg"], ["über-png", "über-jpg"]),
        (["s/日本.png"], ["日本"]),
        (["s/1.png", "s/1.png.jpg"], ["1", "1_png"]),
    ],
)
def test_names_are_stems_and_what_tells_paths_apart(paths: list[str], names: list[str]) -> None:
    assert sorted(distinct_names(paths)) == sorted(names)
    keys = {name.casefold() for name in names}
    assert len(keys) == len(names)


def test_names_depend_on_the_set_of_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("x/a", "y/a"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to("x")
    monkeypatch.chdir(tmp_path)
    paths = ["x/a/1.png", "x/a/1.jpg", "y/a/1.png", "y/a/2.png"]
    named = dict(zip(paths, distinct_names(paths)))
    for seed in range(5):
        mixed = random.Random(seed).sample(paths, len(paths))
        assert dict(zip(mixed, distinct_names([tmp_path / path for path in mixed]))) == named
    through = [path.replace("x/", "link/", 1) for path in paths]
    assert distinct_names(through) == list(named.values())


def test_names_can_be_written_anywhere() -> None:
    latin = os.fsdecode("caf\xe9".encode("latin-1"))
    assert safe_name(latin) == "café"
    assert safe_name('a:b*"c?') == "a_b__c_"
    assert safe_name("...") == "_"
    long = ["n" * 250, "n" * 249 + "m", "日" * 80, "a/" + "n" * 250]
    names = distinct_names([f"s/{name}.png" for name in long])
    assert len(set(names)) == len(names)
    assert all(len(name.encode()) <= LONGEST for name in names)


def test_names_of_older_benches_lose_their_suffix() -> None:
    assert [recorded_name(file) for file in ("kodim01.png", "kodim01", "IMG.1", "IMG.1.JPG")] == [
        "kodim01",
        "kodim01",
        "IMG.1",
        "IMG.1",
    ]
