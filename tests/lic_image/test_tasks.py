"""Heads on the decoded latent: classes, triplets, what is added to the loss, what is learned."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from support import compose, textured
from support.labelled import COLOURS, write_colours
from support.ranks import assert_two_are_one
from torch import Tensor

from common.errors import LicError
from lic_image.module import ImageCodec
from lic_image.tasks import TripletHead, triplets
from lic_image.trained import TrainedImageCodec


def module(*overrides: str) -> ImageCodec:
    torch.manual_seed(0)
    cfg = compose("size=tiny", "lmbda=0.013", *overrides)
    made: ImageCodec = instantiate(cfg.model, _convert_="object").train()
    return made


def batch(side: int = 64, labels: tuple[int, ...] = (0, 1, 0, 1)) -> dict[str, Tensor]:
    pictures = [torch.from_numpy(textured(side, side, seed=n)).permute(2, 0, 1) / 255 for n in range(len(labels))]
    return {"image": torch.stack(pictures), "label": torch.tensor(labels)}


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


def test_a_batch_too_small_for_a_triplet_is_one_sentence() -> None:
    with pytest.raises(LicError, match="takes 3 pictures, and a batch holds 2: raise"):
        module("model=image/factorized", "task=triplet").losses(batch(labels=(0, 1)))


@pytest.mark.parametrize("kind", ["classification", "triplet"])
def test_two_ranks_train_the_task_as_one_process_does(kind: str) -> None:
    """Each rank has two pictures, among which is no triplet."""
    whole = assert_two_are_one(batch(), "model=image/factorized", f"task={kind}", "task.head.weight=5")
    assert whole.terms["task"] > 0.1


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
