"""Which pictures a figure was measured on, in a line: results of different ones must not share a table."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def dataset_identity(name: str, paths: Sequence[Path], unit: str = "picture") -> str:
    """`"NAME N pictures HASH8"`, such as "kodak 24 pictures 5f2c91ab".

    The hash is blake2b over the sorted digests of the files' bytes: the same files in another order, under
    other names or in other folders have the same hash; a re-encoded picture has not.
    """
    digests = sorted(hashlib.blake2b(Path(path).read_bytes()).digest() for path in paths)
    fingerprint = hashlib.blake2b(b"".join(digests), digest_size=4).hexdigest()
    return f"{name} {len(digests)} {unit}{'' if len(digests) == 1 else 's'} {fingerprint}"
