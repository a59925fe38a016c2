"""Readable names for protocols, data sets, settings and figures of training, where files have keys."""

import re
from collections.abc import Sequence

PROTOCOLS = {
    "image": "Photographs",
    "flow": "Optical flow",
    "dvc_gop": "Clips, measured as DVC does",
    "dcvc_ip32": "Clips, measured as DCVC does",
}
SETTINGS = {
    "lmbda": "λ",
    "system": "network",
    "distortion": "trained for",
    "warm_start": "starts from",
    "data.crop": "side of crops",
    "data.name": "name of the data",
    "data.test": "tested on",
    "data.resize": "whole pictures resized",
    "data.train": "trained on",
    "data.val": "watched",
    "model.codec.M": "latent channels (M)",
    "model.codec.N": "channels (N)",
    "model.optimizer": "optimizer",
    "model.optimizer.lr": "learning rate",
    "trainer.gradient_clip_val": "clipping of gradients",
    "trainer.max_steps": "training steps",
    "trainer.val_check_interval": "steps between validations",
}
FIGURES = {
    "aux": "auxiliary loss",
    "bpp": "bits per pixel",
    "epe": "endpoint error",
    "fl_all": "Fl-all",
    "grad_norm": "norm of gradients",
    "lr": "learning rate",
    "ms_ssim": "MS-SSIM",
    "psnr": "PSNR",
}
STAGES = {"train": "training", "val": "validation", "test": "test"}
GROUPS = ("model", "codec", "trainer", "data", "callbacks", "network")
_SET = re.compile(r"(?P<name>.*?) ?(?P<count>\d+) (?P<unit>[a-z]+?)s?(?: [0-9a-f]{8})?")


def heading_of(protocol: str | None, dataset: str | None) -> str:
    """`"image", "kodak 24 pictures 5f2c91ab"` -> "Photographs: kodak, 24 pictures"."""
    what = PROTOCOLS.get(protocol or "", (protocol or "").replace("_", " "))
    sets = "; ".join(_set_of(each) for each in (dataset or "").split(", ") if each)
    return ": ".join(part for part in (what, sets) if part) or "Published curves"


def _set_of(identity: str) -> str:
    found = _SET.fullmatch(identity)
    if found is None:
        return re.sub(r" [0-9a-f]{8}$", "", identity)
    count, unit = int(found["count"]), {"sequence": "clip"}.get(found["unit"], found["unit"])
    return ", ".join(part for part in (found["name"], f"{count} {unit}{'' if count == 1 else 's'}") if part)


def told_apart(headings: Sequence[str]) -> list[str]:
    """Headings of sections; those of other files under the same name are numbered."""
    numbers = [headings[: i + 1].count(each) for i, each in enumerate(headings)]
    return [f"{each} (other files, set {number})" if number > 1 else each for each, number in zip(headings, numbers)]


def figure_in_words(name: str) -> str:
    """`"val/ms_ssim"` -> "validation: MS-SSIM"."""
    stage, _, figure = name.partition("/")
    if stage not in STAGES or not figure:
        return FIGURES.get(name, name.replace("_", " "))
    return f"{STAGES[stage]}: {FIGURES.get(figure, figure.replace('_', ' '))}"


def setting_in_words(key: str) -> str:
    """`"trainer.max_steps"` -> "training steps", `"model.codec.attention._target_"` -> "attention"."""
    key = key.removesuffix("._target_")
    if key in SETTINGS:
        return SETTINGS[key]
    parts = key.split(".")
    while len(parts) > 1 and parts[0] in GROUPS:
        parts = parts[1:]
    return " ".join(parts).replace("_", " ").strip()


def value_in_words(text: str) -> str:
    """`"lic_image.layers.gdn.GDN"` -> "GDN", `"null"` -> "none"; other texts as they are."""
    if re.fullmatch(r"(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*", text):
        return text.rpartition(".")[2]
    return {"null": "none", "true": "yes", "false": "no", "": "—"}.get(text, text)


def overrides_in_words(text: str) -> str:
    """`"trainer.max_steps=20 a=b"` -> "training steps 20, a b"."""
    pairs = [word.partition("=") for word in text.split(" ") if word]
    return ", ".join(
        f"{setting_in_words(key)} {value_in_words(value)}" if equals else key for key, equals, value in pairs
    )
