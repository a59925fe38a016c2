"""`lic bench`: curves of the classical codecs on your pictures or clips."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from common.cpus import granted
from common.errors import LicError

if TYPE_CHECKING:
    from rich.console import Console

    from common.baselines.benches import Bench
    from common.metrics.own import OwnMetric


class Named(Protocol):
    """What a choice of codecs needs of one."""

    @property
    def name(self) -> str: ...
    @property
    def by_name(self) -> bool: ...


Codec = TypeVar("Codec", bound=Named)
DESCRIPTION = """\
Encodes and decodes every picture with
{codecs}
at a range of qualities, measures whole files and 8-bit pictures exactly as `lic eval` does, and writes one
NAME.baseline.json per codec, in CompressAI's layout, for `lic report`. A file that already holds the measurement
is kept.

With --protocol the same of clips, video files and folders of frames, with
{clip_codecs};
bits are those of the stream without its container, figures means over frames, then clips. The protocols, as
`lic eval` has them:

{protocols}

  lic bench kodak/ --codecs jpeg,webp
  lic bench HEVC_D/ --protocol dvc_gop --gop 10"""


def main(argv: list[str]) -> int:
    """Run `lic bench` with the arguments after the verb; LicError says what is wrong with them."""
    from common.baselines import codecs, video_codecs
    from common.baselines.conditions import video_protocols

    titles, clip_titles = ([codec.title for codec in module.CODECS] for module in (codecs, video_codecs))
    names, clip_names = (", ".join(codec.name for codec in module.CODECS) for module in (codecs, video_codecs))
    every: list[Named] = [*codecs.CODECS, *video_codecs.CODECS]
    apart = ", ".join(dict.fromkeys(codec.name for codec in every if codec.by_name))
    protocols = "\n".join(f"  {name:<10} {conditions}" for name, conditions in video_protocols().items())
    parser = argparse.ArgumentParser(
        "lic bench",
        description=DESCRIPTION.format(
            codecs=fill(", ".join(titles), 110), clip_codecs=fill(", ".join(clip_titles), 110), protocols=protocols
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="FOLDER|FILE",
        help="pictures, or clips; folders recursively; raw clips as NAME_352x288_30.yuv",
    )
    parser.add_argument("--protocol", metavar="NAME", help=f"measure clips, by {' or '.join(video_protocols())}")
    parser.add_argument(
        "--gop", type=int, metavar="N", help="frames from one intra frame to the next (default: the protocol's)"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="at most so many of a clip (default: the protocol's)")
    parser.add_argument(
        "--codecs",
        metavar="NAME,…",
        help=f"{names}; of clips {clip_names} (default: all that work here but slow and lossless ones: {apart})",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the curves go (default: bench/NAME)")
    parser.add_argument("--name", help="what to call the set of pictures or clips (default: the first folder's name)")
    parser.add_argument(
        "--qualities",
        metavar="Q,…",
        help="settings in the codec's own scale (default: about 0.1 to 2 bpp; of clips the protocol's CRFs)",
    )
    parser.add_argument("--metric", metavar="NAME,…", help="measures beside PSNR and MS-SSIM, as `lic eval` takes them")
    parser.add_argument("--config-dir", metavar="DIR", help="where conf/metric/ of your own is, as for `lic eval`")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=f"pictures at a time (default: {granted()}), or clips (default and most: 2); encode and decode "
        "seconds are wall-clock under that load, so give 1 when they matter",
    )
    return _run(parser.parse_args(argv))


class Task(NamedTuple):
    """What is to be measured, on pictures or clips of one identity, by one protocol."""

    protocol: str
    dataset: str
    benches: "list[Bench]"


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.text import Text

    from common.baselines.benches import made
    from common.report.bd_table import bd_table, compared
    from common.report.certainty_table import certainty_table
    from common.report.tables import points_table
    from common.report.terminal import to_rich
    from common.results.curves import Group, load

    for option in ("gop", "frames", "workers"):
        value = getattr(options, option)
        if value is not None and value < 1:
            raise LicError(f"--{option} takes a whole number from 1 on, not {value}.")
    if options.protocol is None and (options.gop or options.frames):
        raise LicError("--gop and --frames are of clips: give --protocol, too.")
    console = Console()
    task = _of_pictures(options, console) if options.protocol is None else _of_clips(options, console)
    paths = made(task.benches, console)
    curves = [load(path) for path in paths]
    console.print(*to_rich(points_table(curves, task.dataset), console.width), sep="\n")
    if found := compared(Group(task.protocol, task.dataset, tuple(curves))):
        tables = [bd_table(found), certainty_table(found)]
        for table in tables:
            console.print(*to_rich(table, console.width), sep="\n")
        for note in dict.fromkeys(note for table in tables for note in table.notes):
            console.print(Text(note, style="dim"))
    for path in paths:
        console.print(str(path), soft_wrap=True, highlight=False, markup=False)
    return 0


def _of_pictures(options: argparse.Namespace, console: "Console") -> Task:
    from common.baselines.benches import of_pictures
    from common.baselines.codecs import available
    from common.baselines.measure import PROTOCOL
    from common.data.folders import find_pictures
    from common.data.identity import dataset_identity
    from common.data.sequences import VIDEOS
    from common.io import make_folder

    for path in options.paths:
        if path.is_file() and path.suffix.lower() in VIDEOS:
            raise LicError(f"{path} is a clip: say by which protocol it is to be measured, with --protocol.")
    codecs = _chosen(options.codecs, *available(), console)
    qualities = _numbers(options.qualities)
    pictures = _readable(find_pictures(options.paths), console)
    name = _name(options)
    dataset = dataset_identity(name, pictures)
    out = make_folder(options.out or Path("bench") / name)
    workers = options.workers or granted()
    benches = of_pictures(codecs, pictures, dataset, out, qualities, workers, _metrics(options))
    return Task(PROTOCOL, dataset, benches)


def _of_clips(options: argparse.Namespace, console: "Console") -> Task:
    from common.baselines.benches import of_clips
    from common.baselines.conditions import video_protocols
    from common.baselines.video_codecs import available
    from common.baselines.video_measure import MAX_WORKERS
    from common.data.sequences import check_clips, find_sequences, notes_on, sequences_identity
    from common.io import make_folder

    protocols = video_protocols()
    if options.protocol not in protocols:
        raise LicError(f"There is no protocol {options.protocol!r} of clips: choose from {', '.join(protocols)}.")
    given = {key: getattr(options, key) for key in ("gop", "frames") if getattr(options, key) is not None}
    conditions = protocols[options.protocol]._replace(**given)
    codecs = _chosen(options.codecs, *available(), console)
    qualities = _numbers(options.qualities)
    clips = [sequence._replace(conversion=conditions.conversion) for sequence in find_sequences(options.paths)]
    check_clips(clips)
    for note in notes_on(clips):
        console.print(note, highlight=False, markup=False)
    name = _name(options)
    dataset = sequences_identity(name, clips)
    out = make_folder(options.out or Path("bench") / name)
    workers = options.workers or MAX_WORKERS
    benches = of_clips(
        codecs, len(clips), lambda: clips, dataset, conditions, out, qualities, workers, _metrics(options)
    )
    return Task(conditions.protocol, dataset, benches)


def _metrics(options: argparse.Namespace) -> dict[str, "OwnMetric"]:
    """The measures that `--metric` names, by the files of the group `metric`."""
    if options.metric is None:
        return {}
    from hydra import compose, initialize_config_module
    from hydra.utils import instantiate

    from common.engine.hydra_faults import one_sentence
    from common.metrics.own import checked
    from common.spelling import advice, all_options

    choices = all_options("metric", options.config_dir)
    for name in map(str.strip, options.metric.split(",")):
        if name not in choices:
            raise LicError(f"--metric {options.metric}: there is no measure '{name}': {advice(name, choices)}")
    chosen = [f"metric=[{options.metric}]"]
    if options.config_dir is not None:
        chosen.append(f"hydra.searchpath=[file://{Path(options.config_dir).absolute()}]")
    with one_sentence(chosen), initialize_config_module("conf", version_base="1.3"):
        return checked(instantiate(compose("eval", chosen).protocol.metrics))


def _name(options: argparse.Namespace) -> str:
    first = options.paths[0].resolve()
    return options.name or (first.name if first.is_dir() else first.parent.name)


def _chosen(
    wanted: str | None, works: Mapping[str, Codec], missing: Mapping[str, str], console: "Console"
) -> list[Codec]:
    if wanted is None:
        for reason in missing.values():
            console.print(f"Left out: {reason}", highlight=False, markup=False)
        if apart := [name for name, codec in works.items() if codec.by_name]:
            said = f"Left out, as they are slow or lossless: {', '.join(apart)}. Name them with --codecs."
            console.print(said, highlight=False)
        return [codec for codec in works.values() if not codec.by_name]
    for name in wanted.split(","):
        if name not in works:
            raise LicError(missing.get(name, f"There is no codec {name!r}: choose from {', '.join(works)}."))
    return [works[name] for name in wanted.split(",")]


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise LicError(f"--qualities takes whole numbers such as 10,30,50, not {text!r}.") from None


def _readable(paths: Sequence[Path], console: "Console") -> list[Path]:
    """The pictures that open, so that every codec is measured on the same ones; others are named."""
    from common.data.image_io import read_picture

    good = []
    for path in paths:
        try:
            read_picture(path, background="white")
            good.append(path)
        except LicError as error:
            console.print(f"Skipped: {error}", highlight=False, markup=False)
    if len(good) < len(paths):
        console.print(f"{len(paths) - len(good)} of {len(paths)} pictures cannot be read and are left out.")
    if not good:
        raise LicError("None of the pictures can be read.")
    return good
