"""What an evaluation finds of a codec's task (`lic_image.tasks`): accuracy and mAP, of the latent in the real file."""

from collections.abc import Sequence
from typing import Any

import torch

from common.metrics.own import OwnMetrics
from common.metrics.retrieval import ACCURACY, IN_RESULTS, retrieved
from lic_image.tasks import Classifier, TaskHead


def measures(task: TaskHead | None, labelled: bool) -> OwnMetrics:
    """What `answer` and `retrieval` add to records."""
    if task is None or not labelled:
        return {}
    return {**(ACCURACY if isinstance(task, Classifier) else {}), **IN_RESULTS}


def answer(task: TaskHead | None, label: int | None) -> dict[str, Any]:
    """What `task` says of the picture that was decoded last, and of which class it is; nothing without both."""
    if task is None or label is None:
        return {}
    embedding = task.embeddings()
    said: dict[str, Any] = {"class": label, "embedding": embedding[0]}
    if isinstance(task, Classifier):
        told = int(task.logits(embedding).argmax())
        said |= {"told": told, "accuracy": float(told == label)}
    return said


def retrieval(records: Sequence[dict[str, Any]]) -> None:
    """Replace the embeddings of all pictures at one operating point by what retrieval with them is worth."""
    found = [record for record in records if "embedding" in record]
    if found:
        embeddings = torch.stack([record.pop("embedding").cpu() for record in found])
        for record, figures in zip(found, retrieved(embeddings, [record["class"] for record in found])):
            record.update(figures)
