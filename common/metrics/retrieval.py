"""What embeddings of labelled pictures are worth: classification and retrieval among a test set.

Each picture is a query among all the others. Relevant are those of its class, and the order is by cosine similarity.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torchmetrics.functional.retrieval import retrieval_average_precision

from common.metrics.own import OwnMetric


def retrieved(embeddings: Tensor, labels: Sequence[int]) -> list[dict[str, float | None]]:
    """Of each picture: its average precision as a query, and whether the nearest other picture is of its class.

    Args:
        embeddings: (N, D).
        labels: N of them.

    Returns:
        "average_precision", and "recall_at_1", 1 or 0; None of a picture that is alone in its class.
    """
    unit, known = normalize(embeddings.double(), dim=1), torch.tensor(labels)
    near = unit @ unit.T
    found: list[dict[str, float | None]] = []
    for place, label in enumerate(labels):
        others = torch.arange(len(labels)) != place
        relevant = known[others] == label
        if not relevant.any():
            found.append({"average_precision": None, "recall_at_1": None})
            continue
        scores = near[place][others]
        precision = retrieval_average_precision(scores, relevant)
        found.append({"average_precision": float(precision), "recall_at_1": float(relevant[scores.argmax()])})
    return found


# How results and reports call them.
IN_RESULTS = {
    "average_precision": OwnMetric(retrieved, title="mAP"),
    "recall_at_1": OwnMetric(retrieved, title="recall at 1"),
}
ACCURACY = {"accuracy": OwnMetric(retrieved, title="accuracy")}
