"""Many files coded by one start of `lic`: which they are, what their outputs are called, and how it went."""

import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from common.errors import LicError, fault_of_input


class Job(NamedTuple):
    """One file to code, and the file to write. `options` are what its name says of it."""

    source: Path
    target: Path
    options: Mapping[str, Any] = MappingProxyType({})


def codes_clips(files: Any) -> bool:
    """Whether the file coder `files` is one of clips."""
    return "rate" in inspect.signature(files.compress_file).parameters


def jobs(verb: str, sources: Sequence[Path], target: Path, clips: bool) -> list[Job]:
    """What `lic VERB SOURCE… TARGET` has to do.

    One source that is no folder of several goes to the file `target`. Otherwise `target` is a folder, in which outputs
    have the names of their sources, made distinct where two have one name.

    Raises:
        LicError: a source does not exist, a folder holds nothing to code, or an output would replace a source.
    """
    from common.data.image_io import check_distinct
    from common.data.naming import distinct_names

    found = [job for source in sources for job in _inside(verb, source, clips)]
    many = len(sources) > 1 or found[0].source != sources[0]
    if not many and not target.is_dir():
        return [found[0]._replace(target=target)]
    if not many and verb == "decompress" and clips:  # a folder of frames
        return [found[0]._replace(target=target)]
    suffix = ".lic" if verb == "compress" else ".mkv" if clips else ".png"
    names = distinct_names([job.source for job in found])
    named = [job._replace(target=target / f"{name}{suffix}") for job, name in zip(found, names)]
    for job in named:
        check_distinct(job.target, *(other.source for other in named))
    return named


def _inside(verb: str, source: Path, clips: bool) -> list[Job]:
    from common.data.folders import find_pictures, natural, pictures_of

    if not source.exists():
        raise LicError(f"there is no file {source}.")
    if source.is_file():
        return [Job(source, source)]
    if verb == "decompress":
        streams = sorted(source.rglob("*.lic"), key=lambda file: natural(str(file)))
        if not streams:
            raise LicError(f"the folder {source} holds no .lic file.")
        return [Job(file, file) for file in streams]
    if not clips:
        return [Job(file, file) for file in find_pictures([source])]
    if pictures_of(source):
        return [Job(source, source)]
    from common.data.sequences import sequences

    return [Job(each.path, each.path, {"size": each.size} if each.size else {}) for each in sequences(source)]


def run(verb: str, work: Callable[..., list[str]], todo: Sequence[Job], options: dict[str, Any], replace: bool) -> int:
    """Do `todo`, say what was done, and return the exit status: 2 where a file failed, else 0.

    What is in the place of an output already is kept, with a word, unless `replace`.
    """
    begun = time.perf_counter()
    done: list[Job] = []
    failed: list[tuple[Path, str]] = []
    kept = [job for job in todo if job.target.exists() and not replace]
    for job in todo:
        if job in kept:
            continue
        try:
            print("\n".join(work(job.source, job.target, **{**job.options, **options})), flush=True)
            done.append(job)
        except Exception as error:
            if (fault := fault_of_input(error)) is None:
                raise
            failed.append((job.source, str(fault)))
    print(_summary(verb, done, time.perf_counter() - begun))
    if kept:
        print(f"{len(kept)} outputs were there and were kept, such as {kept[0].target}; --overwrite replaces them.")
    for source, reason in failed:
        print(f"lic {verb}: failed: {source}: {reason}", file=sys.stderr)
    return 2 if failed else 0


def _summary(verb: str, done: Sequence[Job], seconds: float) -> str:
    streams = [job.target if verb == "compress" else job.source for job in done]
    held = sum(file.stat().st_size for file in streams)
    pixels = sum(map(pixels_of, streams))
    rate = f", {8 * held / pixels:.4f} bpp" if pixels else ""
    coded = "coded" if verb == "compress" else "decoded"
    return f"{coded} {len(done)} file{'s' * (len(done) != 1)}: {held} bytes{rate}, {seconds:.1f} s"


def pixels_of(stream: Path) -> int:
    """How many pixels the .lic file codes, all frames together."""
    from common.entropy.container import CLIP, unpack
    from common.entropy.video_container import read_header

    data = stream.read_bytes()
    if data[4:5] == CLIP:
        clip = read_header(data)[0]
        return clip.width * clip.height * clip.frames
    header = unpack(data, max_pixels=sys.maxsize).header
    return header.width * header.height
