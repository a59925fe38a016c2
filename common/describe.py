"""`lic info`: what a file or a run folder holds, in figures with units."""

import json
import sys
from pathlib import Path

from common.errors import LicError


def describe(path: Path) -> None:
    """Print what `path` holds."""
    if path.is_dir():
        from common.launch.folder import RunFolder

        folder = RunFolder(path)
        cfg = folder.config()
        state = "finished" if folder.result.exists() else "failed" if folder.failure.exists() else "not finished"
        point = "" if cfg.lmbda is None else f", lambda {cfg.lmbda:g} ({cfg.distortion})"  # flow has no rate
        print(f"{path}: run of {cfg.system}{point}, {state}")
        file = folder.result if folder.result.exists() else folder.failure
        if file.exists():
            content = json.loads(file.read_text())
            shown = content.get("results") or {"reason": [content["reason"]]}
            for key, values in shown.items():
                print(f"  {key:<14} {values[0]}")
        return
    from common.entropy.container import CLIP, unpack
    from common.entropy.video_container import describe_clip

    try:
        data = path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
    if data[4:5] == CLIP:
        print(describe_clip(path, data))
        return
    header, streams, _, version = unpack(data, max_pixels=sys.maxsize)
    pixels = header.width * header.height
    print(
        f"{path}: {header.width}x{header.height}{' grey' if header.grey else ''}, {len(data)} bytes, "
        f"{8 * len(data) / pixels:.4f} bpp, format version {version}"
    )
    print(f"  model    {header.model}, weights {header.digest.hex()}")
    print(
        f"  streams  {', '.join(str(len(stream)) for stream in streams)} bytes, "
        f"{len(data) - sum(map(len, streams))} bytes of header and checksums"
    )
