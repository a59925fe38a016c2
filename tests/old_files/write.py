"""Writes files with the code that is imported: `PYTHONPATH=CHECKOUT_OF_A_COMMIT python write.py`.

Weights that are not there yet are drawn first; those that are there are used.
"""

import gzip
import io
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from systems import CLIPS, IMAGES, codec_of
from torch import Tensor, nn

from common.entropy import container
from common.entropy.models import EntropyBottleneck, GaussianConditional

HERE = Path(__file__).parent
SCALES = np.geomspace(0.11, 12, 24).tolist()  # the coder's tables of 64 scales would take 800 kB


def frames(width: int, height: int, count: int) -> list[np.ndarray]:
    """`count` pictures uint8 (height, width, 3): a pattern that moves."""
    rows, columns = np.mgrid[: height + count, : width + 2 * count]
    waves = [np.sin(rows / a) * np.cos(columns / b) for a, b in ((7, 5), (4, 11), (13, 6))]
    noise = np.random.default_rng(0).normal(0, 8, (*rows.shape, 3))
    scene = np.clip(128 + 80 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)
    return [scene[t : t + height, 2 * t : 2 * t + width].copy() for t in range(count)]


@torch.no_grad()
def draw(codec: nn.Module) -> None:
    """Weights under which all parts count and symbols are of many sizes."""
    x = torch.from_numpy(np.stack(frames(128, 128, 2))).permute(0, 3, 1, 2).float() / 255
    for name, parameter in codec.named_parameters():
        if not name.endswith("quantiles"):
            parameter.add_(0.02 * torch.randn_like(parameter))
    for module in codec.modules():
        if isinstance(module, GaussianConditional):
            module.update_scale_table(torch.tensor(SCALES), force=True)
        if type(module).__name__ == "Swift":
            module.start_from(x, 0.02)  # type: ignore[operator]
    hooks = []
    for name, module in codec.named_modules():  # what is quantised: deviations of 2 and 3
        last = name.rpartition(".")[2]
        if last in ("g_a", "h_a") or last.endswith(("encoder", "hyper_encoder")):
            hooks.append(module.register_forward_hook(enlarged(2 if last.startswith("h") else 3)))
    if hasattr(codec, "encode"):
        codec.encode(x[:1], x[1:])  # type: ignore[operator]
        codec.intra_encode(x[:1])  # type: ignore[operator]
    else:
        codec.compress(x[:1])  # type: ignore[operator]
    for hook in hooks:
        hook.remove()
    for module in codec.modules():
        if isinstance(module, EntropyBottleneck):
            module.quantiles[..., 0] -= 4
            module.quantiles[..., 2] += 4
    for name, module in codec.named_modules():  # what tells scales: some of most sizes
        if name.rpartition(".")[2] in ("h_s", "merge", "entropy_parameters", "hyper_decoder_scale"):
            [*_, last] = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
            last.bias.uniform_(0.2, 5)  # type: ignore[union-attr]
            last.weight.mul_(4)
    for parameter in codec.parameters():
        parameter.copy_(parameter.bfloat16())  # compresses better
    codec.state_dict()  # builds the tables


def enlarged(deviation: float):  # type: ignore[no-untyped-def]
    """A hook that makes the last convolution give values of that deviation around zero, from then on."""

    def hook(module: nn.Module, given: object, out: Tensor) -> Tensor:
        convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
        if not convolutions:
            return out
        factor = deviation / float(out.std().clamp_min(1e-6))
        convolutions[-1].weight.mul_(factor)
        convolutions[-1].bias.sub_(out.mean((0, 2, 3))).mul_(factor)  # type: ignore[union-attr]
        return (out - out.mean((0, 2, 3), keepdim=True)) * factor

    return hook


def main() -> None:
    for system in IMAGES:
        codec = with_weights(system)
        from lic_image.files import ImageFiles

        files = ImageFiles(codec, system)  # type: ignore[arg-type]
        data = files.encode(frames(124, 92, 1)[0])
        save(f"{system}.v{container.VERSION}", data, files.decode(data).rgb)
    with suppress(ModuleNotFoundError):
        from common.data.video_files import VideoInfo
        from common.entropy.video_container import VERSION
        from lic_video.files import VideoFiles

        for system in CLIPS:
            files, out = VideoFiles(with_weights(system), system), io.BytesIO()  # type: ignore[arg-type, assignment]
            info = VideoInfo(60, 44, Fraction(25), None, None)
            list(files.encode(iter(frames(60, 44, 5)), info, out))  # type: ignore[call-arg, arg-type]
            decoded = [frame for _, frame in files.decode(out.getvalue())]  # type: ignore[attr-defined]
            save(f"{system}.v{VERSION}", out.getvalue(), np.stack(decoded))


def with_weights(system: str) -> nn.Module:
    codec, path = codec_of(system), HERE / f"{system}.pt.gz"
    if not path.exists():
        draw(codec)
        with gzip.open(path, "wb") as file:
            torch.save(codec.state_dict(), file)
    with gzip.open(path) as file:
        codec.load_state_dict(torch.load(file, weights_only=True))
    return codec


def save(name: str, data: bytes, pixels: np.ndarray) -> None:
    (HERE / f"{name}.lic").write_bytes(data)
    decoded = HERE / f"{name.partition('.')[0]}.npz"
    if decoded.exists() and not np.array_equal(np.load(decoded)["pixels"], pixels):
        decoded = HERE / f"{name}.npz"
    np.savez_compressed(decoded, pixels=pixels)
    print(f"{name}: {len(data)} bytes, decoded pixels in {decoded.name}")


if __name__ == "__main__":
    main()
