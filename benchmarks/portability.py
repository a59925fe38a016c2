"""Do files decode to the same symbols elsewhere? `python -m benchmarks.portability --pictures DIR --clips DIR … RUN …`.

Every run's codec encodes in this process: one thread, tensors contiguous, one picture at a time. Another process, of
another Python if `--python` names one (an environment with another version of torch), decodes: two threads,
channels_last, four pictures together, with noise of relative 1e-5 on what every floating-point layer gives, and with
the sums of exact layers in random order. Symbols are compared by the checksum that each file carries. Beside it stand
CompressAI's classes of the same widths and weights, with CompressAI's coder, under the same noise; and what exact
parameters cost: bytes and time against floating-point ones, on the same pictures.

The rows of CompressAI count the pictures whose latents differ by more than a half anywhere, or that raise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

NOISE = 1e-5


class Row(NamedTuple):
    """What is to be printed of one system."""

    system: str
    files: int
    same: int
    bytes_cost: float | None = None  # of exact parameters, in percent
    encode_cost: float | None = None  # time with exact parameters over that with floating-point ones
    decode_cost: float | None = None
    theirs: str = ""  # CompressAI's class under the same noise: how many of its pictures decode rightly


def picture_files(codes: Any, pictures: Sequence[Path], out: Path, costs: bool) -> Row:
    """Encode; write the files; with `costs` measure what exact parameters cost."""
    from common.data.image_io import read_picture
    from common.entropy.rules import PRESENT

    sizes: dict[bool, int] = {True: 0, False: 0}
    seconds: dict[tuple[bool, str], list[float]] = {(e, way): [] for e in (True, False) for way in ("encode", "decode")}
    for number, path in enumerate(pictures):
        rgb = read_picture(path).rgb
        for exact in (True, False) if costs else (True,):
            codes.rules = PRESENT._replace(exact=exact)
            data = timed(seconds[exact, "encode"], lambda: codes.encode(rgb))  # noqa: B023 - called at once
            if costs:
                timed(seconds[exact, "decode"], lambda: codes.decode(data))  # noqa: B023
            sizes[exact] += len(data)
            if exact:
                (out / f"{number:03d}.lic").write_bytes(data)
    codes.rules = PRESENT
    if not costs:
        return Row("", len(pictures), 0)
    medians = {key: float(np.median(values)) for key, values in seconds.items()}
    encode, decode = (medians[True, way] / medians[False, way] for way in ("encode", "decode"))
    return Row("", len(pictures), 0, 100 * (sizes[True] / sizes[False] - 1), encode, decode)


def timed(into: list[float], work: Callable[[], Any]) -> Any:
    begin = time.perf_counter()
    result = work()
    into.append(time.perf_counter() - begin)
    return result


def clip_files(codes: Any, clips: Sequence[Path], out: Path, frames: int, costs: bool) -> Row:
    """Encode `frames` of each clip, with exact parameters, and with `costs` with floating-point ones too."""
    from itertools import islice

    from common.data.video_files import Clip
    from common.entropy.rules import PRESENT, coding_by

    sizes: dict[bool, int] = {True: 0, False: 0}
    seconds: dict[bool, float] = {True: 0.0, False: 0.0}
    for number, path in enumerate(clips):
        for exact in (True, False) if costs else (True,):
            clip = Clip(path)
            target = out / f"{number:03d}.{'lic' if exact else 'float'}"
            begin = time.perf_counter()
            with coding_by(PRESENT._replace(exact=exact)), target.open("w+b") as file:
                for _ in codes.encode(islice(clip, frames), clip.info, file):
                    pass
            seconds[exact] += time.perf_counter() - begin
            sizes[exact] += target.stat().st_size
        (out / f"{number:03d}.json").write_text(
            json.dumps(clip_symbols(codes, (out / f"{number:03d}.lic").read_bytes()))
        )
    if not costs:
        return Row("", len(clips), 0)
    return Row("", len(clips), 0, 100 * (sizes[True] / sizes[False] - 1), seconds[True] / seconds[False])


def clip_symbols(codes: Any, data: bytes) -> list[int]:
    """The checksum of each frame's symbols, -1 for one that cannot be decoded."""
    from common.entropy.rules import coding_by, of_clip
    from common.entropy.streams import symbol_checksum
    from common.entropy.video_container import FramePacket, read_header, read_packets
    from common.errors import StreamError
    from lic_video.files import References
    from lic_video.gop import Kind, Step

    header, _ = read_header(data)
    step = codes.codec.downsampling
    size = tuple(side + -side % step for side in (header.height, header.width))
    found, references = [], References()
    for packet in read_packets(data):
        assert isinstance(packet, FramePacket)
        at = Step(packet.place, Kind(packet.kind), packet)
        reference = None if at.reference is None else references.get(at.reference)
        with torch.inference_mode(), coding_by(of_clip(header.version, header.exact)), symbol_checksum() as checksum:
            try:
                if at.reference is None:
                    x_hat = codes.codec.intra_decode(packet.streams, size)
                else:
                    x_hat = codes.codec.decode(packet.streams, reference)
            except (StreamError, AttributeError):
                found.append(-1)
                continue
        references.keep(packet.place, packet.kind, x_hat)
        found.append(checksum.value)
    return found


def decode_elsewhere(run: str, folder: Path, device: str) -> dict[str, int]:
    """In the other process: how many of the files in `folder` decode to the symbols they were written with."""
    from benchmarks.noise import noisy
    from common.cli.files import open_files
    from common.entropy.exact import shuffled_sums
    from common.layers.memory_format import in_memory_format

    torch.set_num_threads(2)
    codes = open_files(run, device)
    in_memory_format(codes.codec, torch.channels_last)
    paths = sorted(folder.glob("*.lic"))
    with noisy(codes.codec, NOISE), shuffled_sums(1):
        if list(folder.glob("*.json")):
            wanted = [json.loads(path.with_suffix(".json").read_text()) for path in paths]
            return {"same": sum(clip_symbols(codes, p.read_bytes()) == w for p, w in zip(paths, wanted))}
        return {"same": sum(batch_symbols(codes, batch) for batch in by_four([p.read_bytes() for p in paths]))}


def by_four(files: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Files of pictures of one size, four at a time."""
    from common.entropy.container import unpack

    def size(data: bytes) -> tuple[int, int]:
        header = unpack(data).header
        return header.height, header.width

    for _, alike in groupby(sorted(files, key=size), key=size):
        group = list(alike)
        yield from (group[i : i + 4] for i in range(0, len(group), 4))


def batch_symbols(codes: Any, batch: Sequence[bytes]) -> int:
    """How many pictures' symbols are right, all together or, if the sum is wrong, one by one."""
    from common.entropy.container import unpack
    from common.entropy.rules import coding_by, of_image
    from common.entropy.streams import symbol_checksum
    from common.errors import StreamError

    packets = [unpack(data) for data in batch]
    header, version = packets[0].header, packets[0].version
    step = codes.codec.downsampling
    shape = (-(-header.height // step), -(-header.width // step))
    strings = [list(streams) for streams in zip(*(packet.levels[0].streams for packet in packets))]
    rules = coding_by(of_image(version, header.exact))
    with torch.inference_mode(), rules, symbol_checksum() as checksum:
        try:
            codes.codec.decompress(strings, shape)
        except StreamError:
            return sum(batch_symbols(codes, [data]) for data in batch) if len(batch) > 1 else 0
    if checksum.value == sum(packet.levels[0].symbols for packet in packets) & 0xFFFFFFFF:
        return len(batch)
    return sum(batch_symbols(codes, [data]) for data in batch) if len(batch) > 1 else 0


THEIRS = {
    "hyperprior": "ScaleHyperprior",
    "mean_hyperprior": "MeanScaleHyperprior",
    "compressai/mbt2018": "JointAutoregressiveHierarchicalPriors",
    "compressai/cheng2020-anchor": "Cheng2020Anchor",
    "compressai/cheng2020-attn": "Cheng2020Attention",
    "compressai/mbt2018-mean": "MeanScaleHyperprior",
    "compressai/bmshj2018-hyperprior": "ScaleHyperprior",
}


def theirs_under_noise(system: str, codec: Any, pictures: Sequence[Path], most: int) -> str:
    """CompressAI's class with our weights: how many pictures decode to the latents that were encoded."""
    from compressai import models

    from benchmarks.noise import noisy
    from common.coding.codec_files import to_input
    from common.data.image_io import read_picture

    state = {name: value for name, value in codec.state_dict().items() if "_tables_digest" not in name}
    their = getattr(models, THEIRS[system]).from_state_dict(state).eval()
    their.update(force=True)
    right = 0
    chosen = pictures[:most]
    kept: list[Tensor] = []
    their.g_s.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0].clone()))
    for path in chosen:
        x = to_input(read_picture(path).rgb, codec.downsampling)
        with torch.inference_mode():
            out = their.compress(x)
            kept.clear()
            try:
                their.decompress(out["strings"], out["shape"])
                with noisy(their, NOISE):
                    their.decompress(out["strings"], out["shape"])
            except Exception:  # whatever a coder does that has lost its place
                continue
        right += bool(((kept[0] - kept[1]).abs() < 0.5).all())
    return f"{right} of {len(chosen)}"


def measure(run: str, arguments: argparse.Namespace) -> Row:
    from common.cli.files import open_files
    from common.coding.batch import codes_clips

    torch.set_num_threads(1)
    codes = open_files(run, arguments.encode_on)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if codes_clips(codes):
            row = clip_files(codes, arguments.clips, folder, arguments.frames, not arguments.symbols_only)
        else:
            row = picture_files(codes, arguments.pictures, folder, not arguments.symbols_only)
            if codes.model in THEIRS and not arguments.symbols_only:
                most = 2 if codes.model[-7:] == "mbt2018" or "cheng" in codes.model else len(arguments.pictures)
                row = row._replace(theirs=theirs_under_noise(codes.model, codes.codec, arguments.pictures, most))
        command = [arguments.python, "-m", "benchmarks.portability", "--decode", run, "--folder", name]
        command += ["--decode-on", arguments.decode_on]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the other process failed: {done.stderr[-2000:]}")
        return row._replace(system=codes.model, **json.loads(done.stdout.splitlines()[-1]))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m benchmarks.portability", description=__doc__)
    top.add_argument("runs", nargs="*", help="finished runs of image and video codecs")
    top.add_argument("--pictures", type=folder_of_pictures, default=[], help="a folder")
    top.add_argument("--clips", type=Path, nargs="*", default=[])
    top.add_argument("--frames", type=int, default=13, help="of each clip")
    top.add_argument("--python", default=sys.executable, help="that decodes")
    top.add_argument("--encode-on", default="cpu", help="cpu (default) or cuda")
    top.add_argument("--decode-on", default="cpu", help="cpu (default) or cuda")
    top.add_argument("--symbols-only", action="store_true", help="neither costs nor CompressAI's classes")
    top.add_argument("--decode", help=argparse.SUPPRESS)
    top.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return top


def folder_of_pictures(text: str) -> list[Path]:
    return sorted(path for path in Path(text).iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"))


def main() -> None:
    arguments = parser().parse_args()
    if arguments.decode:
        print(json.dumps(decode_elsewhere(arguments.decode, arguments.folder, arguments.decode_on)))
        return
    version = subprocess.run(
        [arguments.python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    written = f"encoded on {arguments.encode_on} with torch {torch.__version__}"
    table = Table(title=f"{written}, decoded on {arguments.decode_on} with {version}: see --help")
    for heading in ("system", "files", "same symbols", "bytes", "encode", "decode", "CompressAI's class"):
        table.add_column(heading)
    rows = []
    for run in arguments.runs:
        row = measure(run, arguments)
        rows.append(row)
        cost = "" if row.bytes_cost is None else f"{row.bytes_cost:+.4f} %"
        times = ("" if t is None else f"{t:.2f}x" for t in (row.encode_cost, row.decode_cost))
        table.add_row(row.system, str(row.files), str(row.same), cost, *times, row.theirs)
        print(row, file=sys.stderr, flush=True)
    Console(width=120).print(table)
    print(json.dumps({"all_same": all(row.same == row.files for row in rows), "rows": [row._asdict() for row in rows]}))


if __name__ == "__main__":
    main()
