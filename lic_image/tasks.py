"""A task on the decoded latent, trained along with the codec: `task=classification`, `task=triplet`.

    x ─ g_a ─ y ─ coded as before ─ y_hat ─┬─ g_s ─ x_hat
                                           └─ head ─ embedding ─ class          loss = bpp + λ·distortion + w·task

The survey's class 2.2.12: Q. Zhang, D. Liu, H. Li: "Deep network-based image coding for simultaneous compression and
retrieval", ICIP 2017, trains one network for pixels and for retrieval by triplets. The head sees the latent, as R.
Torfason et al.: "Towards image understanding from deep compression without decoding", ICLR 2018, have it: whoever
has the file needs no pixels to know what it shows. Its network is ours: the papers' are VGG and ResNet, which are
larger than the codecs.

The head is a part of the codec and of its weights, so that files are those of this network with its head. A picture is
seen with its padding.
"""

from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, triplet_margin_loss

from common.distributed.shared import of_all_ranks
from common.errors import LicError
from lic_image.latents import LatentSeen, channels_of, latent_modules


def with_classifier(
    codec: CompressionModel, classes: int, weight: float, width: int, detached: bool = False
) -> CompressionModel:
    """`codec` with a head that tells one of `classes` classes, by cross-entropy, in place.

    Args:
        classes: how many.
        weight: w of the loss, which is in nats for a picture.
        width: channels of the head; twice as many are in its embedding.
        detached: the codec has no gradient of the task: a probe of what a latent tells that was made for pixels.
    """
    if classes < 2:
        raise LicError(f"task.head.classes must be 2 or more, not {classes}.")
    return _with_head(codec, lambda M: Classifier(M, width, weight, detached, classes))


def with_triplets(
    codec: CompressionModel, margin: float, weight: float, width: int, detached: bool = False
) -> CompressionModel:
    """`codec` with a head whose embeddings of one class are nearer to each other than to others, in place.

    Args:
        margin: by how much, between embeddings of length 1.
        others: as of `with_classifier`.
    """
    if margin <= 0:
        raise LicError(f"task.head.margin must be above 0, not {margin}.")
    return _with_head(codec, lambda M: TripletHead(M, width, weight, detached, margin))


def task_of(codec: Any) -> "TaskHead | None":
    """The head of `codec`; None where it has none."""
    found = getattr(codec, "task_head", None)
    return found if isinstance(found, TaskHead) else None


def _with_head(codec: CompressionModel, made: Any) -> CompressionModel:
    points = latent_modules(codec)
    if points is None:
        raise LicError(f"task= is not for {type(codec).__name__}, which has no module for its latent.")
    (M,) = channels_of(codec, points[:1])
    codec.task_head = made(M)
    points[1].register_forward_pre_hook(codec.task_head.seen)
    return codec


class TaskHead(nn.Module):
    """y_hat (B, M, h, w) -> embeddings (B, 2·width) of length 1, from latents of any size.

    Args:
        M: channels of y_hat.
        width, weight, detached: as of `with_classifier`.
    """

    def __init__(self, M: int, width: int, weight: float, detached: bool) -> None:
        super().__init__()
        if weight < 0:
            raise LicError(f"task.head.weight must be 0 or above, not {weight}.")
        self.weight, self.detached = weight, detached
        self.seen = LatentSeen()
        self.first = nn.Sequential(nn.Conv2d(M, width, 3, padding=1), nn.GroupNorm(1, width), nn.GELU())
        self.blocks = nn.Sequential(_Residual(width), _Residual(width))
        self.last = nn.Conv2d(width, 2 * width, 1)

    def forward(self, y_hat: Tensor) -> Tensor:
        return normalize(self.last(self.blocks(self.first(y_hat.float()))).mean((2, 3)), dim=1)

    def embeddings(self) -> Tensor:
        """Of the pictures that the codec synthesised last, (B, 2·width)."""
        assert self.seen.y_hat is not None
        return self(self.seen.y_hat.detach() if self.detached else self.seen.y_hat)

    def loss(self, labels: Tensor) -> Tensor:
        """Of those pictures, whose classes are `labels`, (B,): a scalar, not yet weighed."""
        raise NotImplementedError


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(1, width), nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(1, width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x + self.layers(x))


class Classifier(TaskHead):
    """Args: as of `TaskHead`; `classes`, how many."""

    def __init__(self, M: int, width: int, weight: float, detached: bool, classes: int) -> None:
        super().__init__(M, width, weight, detached)
        self.classes = classes
        self.log_scale = nn.Parameter(torch.tensor(2.0))  # embeddings have length 1: logits need more
        self.of_classes = nn.Linear(2 * width, classes)

    def logits(self, embeddings: Tensor) -> Tensor:
        """(B, 2·width) -> (B, classes)."""
        return self.log_scale.exp() * self.of_classes(embeddings)

    def loss(self, labels: Tensor) -> Tensor:
        return cross_entropy(self.logits(self.embeddings()), labels)


class TripletHead(TaskHead):
    """Args: as of `TaskHead`; `margin`."""

    def __init__(self, M: int, width: int, weight: float, detached: bool, margin: float) -> None:
        super().__init__(M, width, weight, detached)
        self.margin = margin

    def loss(self, labels: Tensor) -> Tensor:
        """The mean over all triplets of all ranks' pictures that are not yet right by the margin; 0 without any.

        Raises:
            LicError: these pictures are fewer than three.
        """
        embeddings, labels = of_all_ranks(self.embeddings()), of_all_ranks(labels)
        if len(labels) < 3:
            raise LicError(f"task=triplet takes 3 pictures, and a batch holds {len(labels)}: raise data.batch_size.")
        anchor, positive, negative = triplets(labels)
        if not len(anchor):
            return 0 * embeddings.sum()
        lost = triplet_margin_loss(
            embeddings[anchor], embeddings[positive], embeddings[negative], self.margin, reduction="none"
        )
        return lost.sum() / (lost.detach() > 0).sum().clamp(min=1)


def triplets(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Places (anchor, positive, negative) in a batch: the first two are two pictures of one class, the third is not."""
    same = labels[:, None] == labels
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchor, positive, negative = (pairs[:, :, None] & ~same[:, None, :]).nonzero(as_tuple=True)
    return anchor, positive, negative
