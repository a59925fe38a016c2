"""`lic restore`: a JPEG in, the picture without the artefacts of JPEG out."""

import argparse
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Removes the artefacts of JPEG from PHOTO with the network of a finished run of experiment=image/enveloped_restore, and
writes OUT, a PNG or another lossless format. The network is told the quality, which the quantisation tables of the file
tell."""


def main(argv: list[str]) -> int:
    """Run `lic restore` with the arguments after the verb; LicError says what is wrong with them."""
    parser = argparse.ArgumentParser("lic restore", description=DESCRIPTION)
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a JPEG, or with --quality what was made from one")
    parser.add_argument("out", type=Path, metavar="OUT", help="ends in .png, or another lossless format's suffix")
    run_help = "a run folder, or its weights.ckpt"
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    parser.add_argument(
        "--quality", type=int, metavar="Q", help="of the JPEG, 1 to 100, in place of what its tables tell"
    )
    parser.add_argument("--device", default="cpu", help="where to compute: cpu or cuda (default: %(default)s)")
    options = parser.parse_args(argv)
    said = restore_file(options.photo, options.out, options.checkpoint, options.quality, options.device)
    print("\n".join(said))
    return 0


def restore_file(
    photo: str | Path, out: str | Path, checkpoint: str | Path, quality: int | None = None, device: str = "cpu"
) -> list[str]:
    """Write the restored picture, see `main`; returns sentences on what was done."""
    from common.data.image_io import LOSSLESS, check_distinct, read_picture, write_picture
    from common.errors import LicError
    from common.lean import lean

    photo, out = (Path(path).expanduser() for path in (photo, out))
    if out.suffix.lower() not in LOSSLESS:
        raise LicError(f"{out} does not end in one of {', '.join(LOSSLESS)}: what is restored is written without loss.")
    check_distinct(out, photo)
    if not out.parent.is_dir():
        raise LicError(f"the folder {out.parent} does not exist; make it first.")
    if quality is not None and not 1 <= quality <= 100:
        raise LicError(f"--quality is 1 to 100, not {quality}.")
    picture = read_picture(photo)
    quality = told_quality(photo) if quality is None else quality
    lean()
    codec = artefact_remover(checkpoint, device)
    write_picture(out, restored(codec, picture.rgb, quality), picture.grey)
    least, most = codec.inner.trained_qualities
    notes = list(picture.notes)
    if not least <= quality <= most:
        notes.append(f"the network was trained on qualities {least} to {most}, and {photo} has {quality}.")
    return [*notes, f"{out}: {picture.rgb.shape[1]}x{picture.rgb.shape[0]}, restored as a JPEG of quality {quality}"]


def told_quality(photo: Path) -> int:
    """By the quantisation tables of a file that is known to be a picture."""
    from PIL import Image

    from common.errors import LicError
    from lic_image.envelope.jpeg_quality import quality_of

    with Image.open(photo) as image:
        tables = getattr(image, "quantization", None)
        if not tables:
            raise LicError(
                f"{photo} is no JPEG but {image.format}, which does not tell a quality; if it was made from a JPEG, "
                "give that one's with --quality."
            )
        return quality_of(tables)


def artefact_remover(checkpoint: str | Path, device: str = "cpu") -> Any:
    """The codec of a run, if what stands behind its JPEG restores any; LicError for others."""
    from common.errors import LicError
    from common.run.weights import trained_network
    from lic_image.codecs.enveloped import Enveloped

    codec, cfg = trained_network(checkpoint, device)
    if not isinstance(codec, Enveloped) or not codec.restores:
        raise LicError(
            f"{checkpoint} is a run of {cfg.label}, which restores no JPEG: give one of "
            "experiment=image/enveloped_restore with its own inner=jpeg."
        )
    return codec


def restored(codec: Any, rgb: Any, quality: int) -> Any:
    """uint8 (H, W, 3), decoded from a JPEG of that quality -> the picture without its artefacts, of the same shape."""
    import torch

    from common.coding.codec_files import to_input, to_picture

    with torch.inference_mode():
        device = next(codec.parameters()).device
        return to_picture(codec.restore(to_input(rgb, codec.downsampling, device), quality), *rgb.shape[:2])
