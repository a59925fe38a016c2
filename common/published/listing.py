"""All names of published curves as text: what `lic report --list-published` shows."""

import textwrap

from common.published.curves import named, titles
from common.results.origin import Origin


def listing(width: int = 100) -> str:
    """A block for each test set: what it is, then each source, its licence, by what it was measured, and its names."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, curves in named().items():
        for origin in (curve.origin for curve in curves if curve.origin):
            found.setdefault(origin.dataset, {}).setdefault(_source(origin), []).append(name)
    parts = []
    for dataset, title in titles().items():
        lines = [f"{dataset}: {title}"]
        for source, names in found[dataset].items():
            lines += _wrapped(source, width, "  ") + _wrapped(", ".join(names), width, "    ")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _source(origin: Origin) -> str:
    """`InterDigitalInc/CompressAI@869a9f5 (BSD-3-Clause-Clear), by image`, without the file."""
    place = origin.source.split(" ")[0].removeprefix("https://github.com/")
    return f"{place} ({origin.licence}), by {origin.measured_by}"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
