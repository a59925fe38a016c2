"""Mutated streams through the decoders: `python -m benchmarks.hostile --count 100000`.

Each must end in a `LicError` or in the right pixels: those that the file it was made from decodes to, as far as both
reach, or those of the file it was spliced with. Of clips, a frame may be lost, and where packets were moved under
repaired checks nobody knows what is right. A decoder has failed that computes for more than 2 s, gives no sign for 20,
needs more than twice the memory of a process that decodes the whole files, raises anything else or crashes; the input
is saved in --out. Codecs are untrained and very narrow, pictures have 124x92 pixels, clips 5 frames of 60x44; files of
every format version are among those that are mutated (tests/old_files). Case n is the same on every machine, of the
same --systems; without the extra anchors there is no jpegxl among them.
"""

import argparse
import json
import multiprocessing as mp
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.mutations import mutated
from benchmarks.narrow_codecs import NARROW, narrow_codec
from common.data.video_files import VideoInfo
from common.entropy.container import CLIP, VERSION, unpack
from common.entropy.video_container import VERSION as CLIP_VERSION
from common.errors import LicError
from lic_image.files import ImageFiles
from lic_image.operating_points import first_levels
from lic_video.files import VideoFiles
from tests.old_files import HERE, codec_with_weights
from tests.old_files.systems import CLIPS, IMAGES

SECONDS, MEMORY = 2.0, 2.0  # processor time of a case; its memory, in that of whole files
SEED = 15
# How often a system is taken: those that decode slowly more rarely.
SHARES = {"mbt2018": 0.4, "jpegxl": 0.2, "dvc": 0.2, "ofmc": 0.2, "ssf2020": 0.2}
SYSTEMS = (*IMAGES, *NARROW, *CLIPS)


class Source(NamedTuple):
    """A whole file and what it decodes to: (frames, H, W, 3)."""

    system: str
    version: int
    data: bytes
    pixels: np.ndarray


class Case(NamedTuple):
    """How a mutated stream ended: "error", "right" (or unknown, where nobody knows what is), or what is wrong."""

    number: int
    system: str
    how: str
    outcome: str
    seconds: float = 0.0
    memory: int = 0  # kB, the peak of the process while it decoded


class Campaign:
    """The files of `systems` that are mutated, and the codecs that decode them."""

    def __init__(self, systems: Sequence[str] = SYSTEMS) -> None:
        torch.set_num_threads(1)
        self.files: dict[str, Any] = {}
        self.sources: dict[str, list[Source]] = {}
        for system in systems:
            image, new_only = system not in CLIPS, system in NARROW
            codec: Any = narrow_codec(system) if new_only else codec_with_weights(system)
            self.files[system] = ImageFiles(codec, system) if image else VideoFiles(codec, system)
            old = [] if new_only else [(v, self._old(system, v)) for v in ((1, 2) if image else (2, 3, 4))]
            new = [each for n in range(2) for each in self._prefixes(self._new(system, n))]
            whole = [*old, *((VERSION if image else CLIP_VERSION, data) for data in new)]
            self.sources[system] = [Source(system, v, data, np.stack(self._decoded(system, data))) for v, data in whole]

    def _prefixes(self, data: bytes) -> list[bytes]:
        """Of a file of levels every whole one; of any other itself."""
        return first_levels(data) if data[4:5] != CLIP and unpack(data).header.levels else [data]

    def _old(self, system: str, version: int) -> bytes:
        return (HERE / f"{system}.v{version}.lic").read_bytes()

    def _new(self, system: str, n: int) -> bytes:
        """As the present code writes it."""
        random = np.random.default_rng(n)
        files = self.files[system]
        if system not in CLIPS:
            return files.encode(_smooth(92, 124, random))
        frames, out = _smooth(44 + 5, 60 + 5, random), BytesIO()
        clip = (np.ascontiguousarray(frames[t : t + 44, t : t + 60]) for t in range(5))
        list(files.encode(clip, VideoInfo(60, 44, Fraction(25), None, None), out))
        return out.getvalue()

    def _decoded(self, system: str, data: bytes) -> list[Any]:
        """Frames uint8 (H, W, 3), None for lost ones."""
        files = self.files[system]
        if system not in CLIPS:
            return [files.decode(data).rgb]
        return [frame for _, frame in files.decode(data)]

    def case(self, n: int) -> tuple[str, str, bytes, Callable[[], str]]:
        """System, mutation, stream and a call that decodes it and says how that ended, of the case `n`."""
        random = np.random.default_rng([SEED, n])
        shares = np.array([SHARES.get(system, 1.0) for system in self.files])
        system = str(random.choice(list(self.files), p=shares / shares.sum()))
        sources = self.sources[system]
        made = mutated(sources[int(random.integers(0, len(sources)))].data, [s.data for s in sources], random)

        def outcome() -> str:
            try:
                frames = self._decoded(system, made.data)
            except LicError:
                return "error"
            except Exception as error:
                return f"{type(error).__name__}: {error}"[:200]
            if made.other or all(self._right(system, place, frame) for place, frame in enumerate(frames)):
                return "right" if all(frame is not None for frame in frames) else "error"
            return "wrong pixels"

        return system, made.how, made.data, outcome

    def _right(self, system: str, place: int, frame: np.ndarray | None) -> bool:
        if frame is None:
            return True
        step = self.files[system].codec.downsampling
        known = [s.pixels[place] for s in self.sources[system] if place < len(s.pixels)]
        known = [k for k in known if _grid(k, step) == _grid(frame, step)]
        if not known:  # as many symbols, with the right checksum, on another grid: another whole file
            return True
        sizes = [(min(len(frame), len(k)), min(frame.shape[1], k.shape[1])) for k in known]
        return any(np.abs(frame[:h, :w].astype(int) - k[:h, :w]).max() <= 1 for k, (h, w) in zip(known, sizes))

    def run(self, numbers: Iterator[int]) -> Iterator[Case]:
        """The cases, in this process; memory is not looked at."""
        for n in numbers:
            system, how, _, outcome = self.case(n)
            begin = time.process_time()
            ended = outcome()
            yield Case(n, system, how, ended, time.process_time() - begin)


def _grid(picture: np.ndarray, step: int) -> tuple[int, int]:
    return -(-len(picture) // step), -(-picture.shape[1] // step)


def _smooth(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / random.uniform(5, 20)
    planes = [np.sin(rows * random.uniform(0.3, 1)) * np.cos(columns * random.uniform(0.3, 1)) for _ in range(3)]
    return np.clip(128 + 80 * np.stack(planes, -1) + random.normal(0, 5, (height, width, 3)), 0, 255).astype(np.uint8)


def peak() -> int:
    """kB, since `reset_peak`."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def reset_peak() -> None:
    with suppress(OSError):  # then the peak is that of all cases so far
        Path("/proc/self/clear_refs").write_text("5")


def worker(campaign: Campaign, numbers: list[int], pipe: Any) -> None:
    """Runs the cases `numbers`, telling each before and after it."""
    for n in numbers:
        system, how, _, outcome = campaign.case(n)
        pipe.send((n, system, how))
        reset_peak()
        begin = time.process_time()
        ended = outcome()
        pipe.send(Case(n, system, how, ended, time.process_time() - begin, peak()))
    pipe.send(None)
    os._exit(0)


def supervised(campaign: Campaign, numbers: list[int]) -> Iterator[Case]:
    """The cases, in processes of their own: one that crashes or hangs fails alone."""
    fork = mp.get_context("fork")
    while numbers:
        mine, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=worker, args=(campaign, numbers, theirs), daemon=True)
        process.start()
        theirs.close()
        begun: tuple[int, str, str] | None = None
        try:
            while mine.poll(10 * SECONDS):
                told = mine.recv()
                if told is None:
                    return
                if isinstance(told, Case):
                    numbers, begun = numbers[1:], None
                    yield told
                else:
                    begun = told
            ended = "hangs"
        except EOFError:
            process.join()
            ended = f"crashes with status {process.exitcode}"
        process.kill()
        process.join()
        if begun is None:
            raise RuntimeError(f"a worker {ended} between two cases")
        yield Case(*begun, ended)
        numbers = numbers[1:]


def normal_memory(campaign: Campaign) -> dict[str, int]:
    """kB of a process like the workers that decodes the whole files of each system."""

    def measure(pipe: Any) -> None:
        for system, sources in campaign.sources.items():
            reset_peak()
            for source in sources:
                campaign._decoded(system, source.data)
            pipe.send((system, peak()))
        os._exit(0)

    fork = mp.get_context("fork")
    mine, theirs = fork.Pipe(duplex=False)
    fork.Process(target=measure, args=(theirs,), daemon=True).start()
    return dict(mine.recv() for _ in campaign.sources)


def judged(case: Case, normal: dict[str, int]) -> Case:
    if case.outcome in ("error", "right"):
        if case.seconds > SECONDS:
            return case._replace(outcome=f"takes {case.seconds:.1f} s")
        if case.memory > MEMORY * normal[case.system]:
            return case._replace(outcome=f"needs {case.memory / normal[case.system]:.1f} times the memory")
    return case


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first case's number")
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, metavar="NAME", help=", ".join(SYSTEMS)
    )
    parser.add_argument("--out", type=Path, default=Path("hostile"), help="folder for the streams that fail")
    arguments = parser.parse_args()
    campaign = Campaign(arguments.systems)
    normal = normal_memory(campaign)
    ended: Counter[tuple[str, str]] = Counter()
    slowest, largest = 0.0, 0.0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it gets what there is
    with suppress(KeyboardInterrupt):
        for case in supervised(campaign, list(range(arguments.first, arguments.first + arguments.count))):
            case = judged(case, normal)
            slowest, largest = max(slowest, case.seconds), max(largest, case.memory / normal[case.system])
            ended[case.how, case.outcome if case.outcome in ("error", "right") else "failed"] += 1
            if case.outcome not in ("error", "right"):
                arguments.out.mkdir(exist_ok=True, parents=True)
                (arguments.out / f"{case.number}.{case.system}.lic").write_bytes(campaign.case(case.number)[2])
                print(f"case {case.number}, {case.system}, {case.how}: {case.outcome}", flush=True)
    columns = ("error", "right", "failed")
    table = Table("mutation", *columns, title=f"{ended.total()} mutated streams")
    for how in sorted({how for how, _ in ended}):
        table.add_row(how, *(str(ended[how, column]) for column in columns))
    Console().print(table)
    totals = {column: sum(n for (_, each), n in ended.items() if each == column) for column in columns}
    print(json.dumps({**totals, "slowest_s": round(slowest, 3), "memory_ratio": round(largest, 3)}))


if __name__ == "__main__":
    main()
