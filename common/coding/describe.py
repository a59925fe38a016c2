"""`lic info`: what a file or a run folder holds, in figures with units."""

import json
import sys
from pathlib import Path
from typing import Any

from common.errors import LicError

UNITS = {"bpp": "bits per pixel", "bpp_estimated": "bits per pixel", "psnr-rgb": "dB", "epe": "pixels"}
# What the multiply-accumulates of a result are counted on, width and height: Kodak's pictures for codecs, Sintel's
# frames, padded, for flow networks.
COUNTED_ON = {"codec": (768, 512), "network": (1024, 448)}


def describe(path: str | Path) -> None:
    """Print what `path`, a .lic file or a run folder, holds."""
    path = Path(path).expanduser()
    if path.is_dir():
        print("\n".join(describe_run(path)))
    else:
        describe_file(path)


def describe_run(path: str | Path) -> list[str]:
    """Lines on the run in `path`: what it is of, what it measured, what its network takes."""
    from common.run.folder import RunFolder

    folder = RunFolder(path)
    cfg = folder.config()
    state = "finished" if folder.result.exists() else "failed" if folder.failure.exists() else "not finished"
    point = "" if cfg.lmbda is None else f", lambda {cfg.lmbda:g} ({cfg.distortion})"  # flow has no rate
    lines = [f"{path}: run of {cfg.system}{point}, {state}"]
    if folder.failure.exists() and not folder.result.exists():
        return [*lines, _line("reason", _content(folder.failure)["reason"])]
    if not folder.result.exists():
        return lines
    result = _content(folder.result)
    for key, values in result["results"].items():
        shown = " ".join(
            "-" if value is None else f"{value:.4g}" if len(values) > 1 else f"{value:.4f}" for value in values
        )
        if any(value is not None for value in values):
            lines.append(_line(key, f"{shown} {UNITS.get(key, '')}".rstrip()))
    if (parameters := result.get("parameters")) is not None:
        lines.append(_line("parameters", f"{parameters / 1e6:.2f} million"))
    if (gmacs := result.get("gmacs")) is not None:
        width, height = COUNTED_ON["network" if "network" in cfg.model else "codec"]
        each = f"{1e6 * gmacs / (width * height):.1f} kMACs per pixel"
        lines.append(_line("operations", f"{gmacs:.2f} GMACs at {width}x{height}, {each}"))
    timing = folder.path / "timing.json"
    for key, seconds in _content(timing).items() if timing.exists() else ():
        if isinstance(seconds, (int, float)):
            lines.append(_line(key.replace("_", " "), duration(seconds)))
    return lines


def duration(seconds: float) -> str:
    """`0.0312` -> "31.2 ms"; `5025` -> "1 h 23 min"."""
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _line(name: str, text: str) -> str:
    return f"  {name:<14} {text}"


def _content(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise LicError(f"{file} cannot be read; give the run's command again.") from error


def describe_file(path: Path) -> None:
    """Print what is in the header of the .lic file `path`."""
    from common.entropy.container import CLIP, sizes, unpack
    from common.entropy.video_container import describe_clip

    try:
        data = path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
    if data[4:5] == CLIP:
        print(describe_clip(path, data))
        return
    packet = unpack(data, max_pixels=sys.maxsize)
    header, pixels = packet.header, packet.header.width * packet.header.height
    payload = [stream for level in packet.levels for stream in level.streams]
    print(
        f"{path}: {header.width}x{header.height}{' grey' if header.grey else ''}, {len(data)} bytes, "
        f"{8 * len(data) / pixels:.4f} bpp, format version {packet.version}"
    )
    print(f"  model    {header.model}, weights {header.digest.hex()}")
    if header.setting is not None:
        print(f"  setting  {header.setting}, the operating point; --checkpoint RUN says it as it is typed")
    ends = sizes(header, packet.levels)
    print(
        f"  streams  {', '.join(str(len(stream)) for stream in payload)} bytes, "
        f"{ends[-1] - sum(map(len, payload))} bytes of header and checksums"
    )
    if header.levels is not None:
        cut = f"; the file ends within level {len(packet.levels) + 1}" if packet.cut else ""
        print(f"  levels   {len(packet.levels)} of {header.levels}{cut}")
        for number, size in enumerate(ends, 1):
            print(f"  up to {number:<3} {size} bytes, {8 * size / pixels:.4f} bpp")
