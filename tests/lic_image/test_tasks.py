"""Heads on the decoded latent: classes, triplets, labelled folders, figures of an evaluation."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from support import compose, textured
from torch import Tensor

from common.coding.codec_files import to_input
from common.data.image_io import write_picture
from common.data.labels import class_names, classes_of
from common.errors import LicError
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.evaluate import ImageProtocol
from lic_image.labelled import LabelledPhotographs
from lic_image.module import ImageCodec
from lic_image.tasks import TripletHead, triplets, with_classifier, with_triplets
from lic_image.trained import TrainedImageCodec

COLOURS = {"9 red": (200, 40, 40), "10 green": (40, 200, 40), "blue": (40, 40, 200)}


def write_colours(folder: Path, each: int, seed: int) -> Path:
    """`each` noisy pictures of every colour, in a folder for each."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noisy = np.array(colour) + rng.normal(0, 20, (64, 64, 3))
            write_picture(folder / name / f"{number}.png", noisy.clip(0, 255).astype(np.uint8))
    return folder


def module(*overrides: str) -> ImageCodec:
    torch.manual_seed(0)
    cfg = compose("size=tiny", "lmbda=0.013", *overrides)
    made: ImageCodec = instantiate(cfg.model, _convert_="object").train()
    return made


def batch(side: int = 64, labels: tuple[int, ...] = (0, 1, 0, 1)) -> dict[str, Tensor]:
    pictures = [torch.from_numpy(textured(side, side, seed=n)).permute(2, 0, 1) / 255 for n in range(len(labels))]
    return {"image": torch.stack(pictures), "label": torch.tensor(labels)}


def test_classes_are_folders(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "10" / "x.png", tmp_path / "a" / "9" / "deep" / "y.png", tmp_path / "b" / "10" / "z.png"]
    names = class_names(files, [tmp_path / "a", tmp_path / "b"])
    assert names == ["10", "9", "10"] and classes_of(names) == ["9", "10"]
    with pytest.raises(LicError, match="has no label"):
        class_names([tmp_path / "a" / "x.png"], [tmp_path / "a"])


def test_triplets_of_a_batch() -> None:
    found = {tuple(each.tolist()) for each in torch.stack(triplets(torch.tensor([0, 0, 1])), 1)}
    assert found == {(0, 1, 2), (1, 0, 2)}
    assert len(triplets(torch.tensor([0, 1, 2]))[0]) == 0 == len(triplets(torch.tensor([4, 4]))[0])


def test_the_triplet_loss_counts_what_is_not_right_by_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anchor and positive are 0.6 apart; the negative is 0.8 from the one and 1.4 from the other; the margin is 0.5."""
    head = TripletHead(M=3, width=2, weight=1, detached=False, margin=0.5)
    places = torch.tensor([[0.6, 0.0], [0.0, 0.0], [1.4, 0.0]], requires_grad=True)
    monkeypatch.setattr(head, "embeddings", lambda: places)
    # (0, 1, 2): 0.6 - 0.8 + 0.5 = 0.3 counts; (1, 0, 2): 0.6 - 1.4 + 0.5 < 0 does not
    assert head.loss(torch.tensor([0, 0, 1])).item() == pytest.approx(0.3, abs=1e-4)
    alone = head.loss(torch.tensor([0, 1, 2]))
    alone.backward()
    assert alone.item() == 0 and (places.grad == 0).all()


@pytest.mark.parametrize("kind", ["classification", "triplet"])
def test_the_gradient_of_the_task(kind: str) -> None:
    """It reaches the analysis, unless the head is a probe; with weight 0 nobody has any."""

    def gradients(*said: str) -> tuple[float, float]:
        made = module("model=image/mean_hyperprior", f"task={kind}", *said)
        made.losses(batch())["task"].backward()
        head = [p.grad.abs().max().item() for p in made.codec.task_head.parameters() if p.grad is not None]
        analysis = [p.grad.abs().max().item() for p in made.codec.g_a.parameters() if p.grad is not None]
        return max(head, default=0), max(analysis, default=0)

    head, analysis = gradients()
    assert head > 0 and analysis > 0
    head, analysis = gradients("task.head.detached=true")
    assert head > 0 and analysis == 0
    assert gradients("task.head.weight=0") == (0, 0)


def test_the_task_is_added_to_the_loss_and_needs_labels() -> None:
    made = module("model=image/mean_hyperprior", "task=classification", "task.head.weight=2")
    twin = copy.deepcopy(made)
    torch.manual_seed(1)
    whole = made.losses(batch())
    task = twin.codec.task_head
    torch.manual_seed(1)
    plain = twin.losses(batch())
    assert whole["loss"].item() == pytest.approx(plain["loss"].item())
    assert plain["task"].item() == pytest.approx(2 * task.loss(batch()["label"]).item())
    rest = plain["bpp"] + 0.013 * plain["distortion"] + plain["task"]
    assert plain["loss"].item() == pytest.approx(rest.item(), rel=1e-5)
    with pytest.raises(LicError, match="data=image/labelled"):
        made.losses({"image": batch()["image"]})
    assert "task" not in made.eval().losses({"image": batch()["image"]})


@pytest.mark.parametrize(
    "system", ["image/swift", "image/factorized", "image/tinylic", "image/compressai/cheng2020-attn"]
)
def test_any_codec_takes_a_task_beside_gains(system: str) -> None:
    made = module(f"model={system}", "task=triplet", "rate=gains")
    found = made.losses(batch(made.codec.downsampling))
    found["loss"].backward()
    assert found["task"] > 0 and made.codec.task_head.first[0].weight.grad.abs().max() > 0


def colours(tmp_path: Path, **others: Any) -> LabelledPhotographs:
    train, test = (write_colours(tmp_path / part, each, seed) for part, each, seed in (("train", 3, 0), ("test", 2, 1)))
    return LabelledPhotographs(str(train), str(test), name="colours", crop=64, batch_size=6, **others)


def test_labels_go_with_their_pictures(tmp_path: Path) -> None:
    data = colours(tmp_path, val_limit=0)
    assert data.classes == ["9 red", "10 green", "blue"]
    data.setup("fit")
    for n in range(12):
        sample = data.train_set[n]
        assert int(sample["image"].float().mean((1, 2)).argmax()) == sample["label"]
    (file,) = [file for file in data.test_files() if file.parent.name == "10 green" and file.name == "1.png"]
    assert data.label(file) == 1
    given = {"image": torch.arange(2 * 3 * 4).reshape(2, 3, 1, 4).byte(), "label": torch.tensor([2, 0])}
    given["index"] = torch.tensor([0, 1])
    for flip in (True, False):
        data.flip = flip
        batches = [{**given, "index": torch.tensor([n, n + 1])} for n in range(0, 20, 2)]
        moved = [data.on_after_batch_transfer(data.on_before_batch_transfer(each, 0), 0) for each in batches]
        assert all(each["label"].tolist() == [2, 0] for each in moved)
        assert any((each["image"] * 255 != given["image"]).any() for each in moved) == flip
    for wrong in ({"scenes": 0.5}, {"roi": "saliency"}):
        with pytest.raises(LicError, match=r"data\.scenes=0"):
            LabelledPhotographs(str(tmp_path), str(tmp_path), name="x", crop=64, batch_size=1, **wrong)


def test_classes_must_fit(tmp_path: Path) -> None:
    data = colours(tmp_path)
    codec = MeanHyperprior(N=8, M=8)
    data.check(with_classifier(codec, 3, 0.1, 4))
    with pytest.raises(LicError, match=r"set task\.head\.classes=3"):
        data.check(with_classifier(MeanHyperprior(N=8, M=8), 10, 0.1, 4))
    (tmp_path / "train" / "blue").rename(tmp_path / "train" / "azure")
    with pytest.raises(LicError, match="the class azure is in one of"):
        data.check(codec)
    data.check(with_triplets(MeanHyperprior(N=8, M=8), 0.3, 1, 4))  # whose classes may be others
    for wrong in ({"classes": 1}, {"weight": -1}):
        with pytest.raises(LicError, match=rf"task\.head\.{next(iter(wrong))}"):
            with_classifier(codec, **{"classes": 2, "weight": 1.0, "width": 4, **wrong})
    with pytest.raises(LicError, match=r"task\.head\.margin"):
        with_triplets(codec, 0, 1, 4)


def test_it_learns_and_an_evaluation_and_python_say_so(lic: Callable[..., int], tmp_path: Path) -> None:
    """Three colours, of which nobody is mistaken after 30 steps: by the latents in the files."""
    for part, each, seed in (("train", 4, 0), ("test", 2, 1)):
        write_colours(tmp_path / part, each, seed)
    run = tmp_path / "run"
    said = ["experiment=image/digits", "size=tiny", "task.head.classes=3", "lmbda=0.013", "threads=1"]
    said += [f"data.train={tmp_path / 'train'}", f"data.test={tmp_path / 'test'}", "data.val_limit=0"]
    steps = ["trainer.max_steps=30", "data.batch_size=12", "task.head.weight=1", f"hydra.run.dir={run}"]
    assert lic("train", *said, *steps) == 0
    codec = TrainedImageCodec(run)
    assert codec.results["accuracy"] == 1 == codec.results["recall_at_1"]
    assert codec.results["average_precision"] > 0.95
    rgb = np.full((50, 70, 3), COLOURS["blue"], np.uint8)
    told = codec.told(codec.encode(rgb))
    assert told.embedding.shape == (64,) and np.linalg.norm(told.embedding) == pytest.approx(1, abs=1e-5)
    assert told.probabilities is not None and told.probabilities.argmax() == 2


def test_figures_are_of_the_files_and_only_of_labelled_pictures(tmp_path: Path) -> None:
    data = colours(tmp_path)
    torch.manual_seed(0)
    codec = adopted(with_triplets(MeanHyperprior(N=8, M=8, start="pyramid"), 0.3, 1, 4)).eval()
    codec.start_from(to_input(textured(128, 128), 64), 0.013)
    found = ImageProtocol(keep_pictures=False)(codec, "x", data, tmp_path)
    records = found.details["images"]
    assert [record["class"] for record in records] == [1, 1, 0, 0, 2, 2]  # "10 green" is read before "9 red"
    assert "accuracy" not in records[0] and "embedding" not in records[0]
    precisions = [record["average_precision"] for record in records]
    assert found.points[0]["average_precision"] == pytest.approx(sum(precisions) / 6)
    assert found.details["metrics"]["average_precision"]["title"] == "mAP"
    (file,) = [file for file in data.test_files() if file.parent.name == "blue" and file.name == "0.png"]
    from lic_image.data import Photographs

    plain = Photographs(None, str(file), "x", crop=64, batch_size=1)
    assert "class" not in ImageProtocol(keep_pictures=False)(codec, "x", plain, tmp_path).details["images"][0]
