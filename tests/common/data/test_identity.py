from pathlib import Path

from common.data.identity import dataset_identity


def test_identity_is_of_the_bytes_not_of_names_or_order(tmp_path: Path) -> None:
    a, b, renamed = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    renamed.write_bytes(b"one")
    identity = dataset_identity("kodak", [a, b])
    assert identity.startswith("kodak 2 pictures ") and len(identity.split()[-1]) == 8
    assert dataset_identity("kodak", [b, renamed]) == identity
    assert dataset_identity("kodak", [a]).startswith("kodak 1 picture ")
    b.write_bytes(b"twO")
    assert dataset_identity("kodak", [a, b]) != identity


def test_pairs_are_called_pairs_whatever_the_name_of_the_set(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    assert dataset_identity("pictures", [tmp_path / "a"], "pair").startswith("pictures 1 pair ")


def test_identity_stays_the_same_across_releases(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    assert dataset_identity("none", [path]) == "none 1 picture fbda6584"
