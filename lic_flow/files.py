"""`lic flow`: two pictures in, their optical flow out, as a flow file or as a picture."""

import argparse
from pathlib import Path

import numpy as np

DESCRIPTION = """\
Estimates where every pixel of FIRST has gone in SECOND, with the network of a finished run. OUT is a flow file
(.flo, .pfm, pixels) or a picture (.png)."""
SHOWN = {
    "colours": "Middlebury's colour wheel: hue for direction, saturation for speed",
    "arrows": "arrows over the first picture",
    "sheet": "both pictures, the second warped back, and the flow, side by side",
    "kitti": "no picture but KITTI's 16-bit flow file",
}


def main(argv: list[str]) -> int:
    """Run `lic flow` with the arguments after the verb; LicError says what is wrong with them."""
    shown = "; ".join(f"{name}: {text}" for name, text in SHOWN.items())
    parser = argparse.ArgumentParser("lic flow", description=DESCRIPTION)
    parser.add_argument("first", type=Path, metavar="FIRST", help="a picture")
    parser.add_argument("second", type=Path, metavar="SECOND", help="a later one, of the same size")
    parser.add_argument("out", type=Path, metavar="OUT", help="ends in .flo, .pfm or .png")
    run_help = "a run folder, or its weights.ckpt"
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    parser.add_argument("--show", choices=SHOWN, default="colours", help=f"of a .png: {shown} (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="where to compute: cpu or cuda (default: %(default)s)")
    options = parser.parse_args(argv)
    print(estimate_file(options.first, options.second, options.out, options.checkpoint, options.show, options.device))
    return 0


def estimate_file(
    first: str | Path,
    second: str | Path,
    out: str | Path,
    checkpoint: str | Path,
    show: str = "colours",
    device: str = "cpu",
) -> str:
    """Write the flow between two picture files to `out`, see `main`; returns a sentence on it."""
    from common.data.flow_files import write_flow
    from common.data.image_io import check_distinct, read_picture, write_picture
    from common.errors import LicError
    from common.run.weights import trained_network

    first, second, out = (Path(path).expanduser() for path in (first, second, out))
    if out.suffix.lower() not in (".flo", ".pfm", ".png"):
        raise LicError(f"{out} ends in neither .flo nor .pfm nor .png: name the output so that its kind is clear.")
    check_distinct(out, first, second)
    a, b = (read_picture(path, background="white").rgb for path in (first, second))
    if a.shape != b.shape:
        sizes = " and ".join(f"{x.shape[1]}x{x.shape[0]}" for x in (a, b))
        raise LicError(f"{first} and {second} have {sizes} pixels; both must have one size.")
    network, cfg = trained_network(checkpoint, device)
    if "network" not in cfg.model:
        raise LicError(f"{checkpoint} is a run of {cfg.system}, which estimates no flow: give a flow network's run.")

    import torch

    from common.viz.flow_colours import flow_picture
    from lic_flow.inference import estimate
    from lic_flow.pictures import quiver, sheet

    with torch.inference_mode():
        x, y = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].to(device) for p in (a, b))
        flow = estimate(network, x, y)[0].cpu().numpy()
    if out.suffix.lower() != ".png" or show == "kitti":
        write_flow(out, flow)
    elif show == "colours":
        write_picture(out, flow_picture(flow))
    else:
        write_picture(out, quiver(a, flow) if show == "arrows" else sheet(a, b, flow))
    speed = np.hypot(*flow)
    return f"{out}: {a.shape[1]}x{a.shape[0]}, moved by {speed.mean():.2f} pixels on average, {speed.max():.2f} at most"
