"""Where a published curve of the package comes from, and which results it may share a table with."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_ONE_SET = re.compile(r"(.+) ((\d+) (?:picture|sequence)s? [0-9a-f]{8})")


class Origin(NamedTuple):
    """Source and test set of a published curve.

    Attributes:
        key: its name on the command line.
        source: repository@commit and file, or an address.
        licence: what the source says of its use.
        paper: what to cite; empty where that is the source's.
        dataset: the test set's name, as `data.name` and `data.test` have it.
        also_called: other names of the set.
        content: "24 pictures 11944a17", number and hash of the files; None where we do not have them.
        sequences: how many sequences the set has, None where that is not known.
        protocol: by which it was measured, None for any whose conditions are these.
        conditions: of a protocol of clips, those that matter: {"gop": 12}.
    """

    key: str
    source: str
    licence: str
    paper: str
    dataset: str
    also_called: tuple[str, ...] = ()
    content: str | None = None
    sequences: int | None = None
    protocol: str | None = None
    conditions: Mapping[str, Any] = {}

    def is_of(self, dataset: str | None) -> bool:
        """Whether `dataset`, an identity such as "kodak 24 pictures 11944a17", is the test set.

        The set is known by its content. Where we have not its files, it is known by the name that the user gave it.
        """
        one = _ONE_SET.fullmatch(dataset or "")
        if one is None:
            return False
        name, content, count = one.groups()
        if self.content is not None:
            return content == self.content
        names = {_plain(each) for each in (self.dataset, *self.also_called)}
        return _plain(name) in names and self.sequences in (None, int(count))

    def is_by(self, protocol: str | None, conditions: Mapping[str, Any] | None) -> bool:
        """Whether results of `protocol` under `conditions` are comparable."""
        if self.protocol is not None and protocol != self.protocol:
            return False
        return all((conditions or {}).get(key, ...) == value for key, value in self.conditions.items())

    @property
    def measured_by(self) -> str:
        """`image`, `dvc_gop with gop=12`."""
        said = ", ".join(f"{key}={'null' if value is None else value}" for key, value in self.conditions.items())
        return f"{self.protocol or 'a protocol'} with {said}" if said else str(self.protocol)

    @property
    def measured_on(self) -> str:
        """`kodak (24 pictures 11944a17)`, or the name of the set."""
        return f"{self.dataset} ({self.content})" if self.content else self.dataset


def _plain(name: str) -> str:
    """`CLIC professional`, `clic_professional` -> `clicprofessional`."""
    return re.sub("[^a-z0-9]", "", name.lower())
