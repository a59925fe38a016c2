"""Warnings of libraries about each other, which a user can do nothing about."""

import warnings

MESSAGES = (
    r".*torch\.jit\.script.*",  # compressai and pytorch-msssim script functions at import
    r".*isinstance\(treespec, LeafSpec\).*",  # lightning
    r".*does not have many workers.*",  # loading in the training process is deliberate at size=tiny
    r".*Checkpoint directory .* exists and is not empty.*",  # that is what resuming means
    r".*smaller than the logging interval.*",  # a short run logs its last step
    r".*your dataloader is not resumable.*",  # it is: its sampler counts steps (common.data.training)
)


def quiet() -> None:
    """Do not show them."""
    for message in MESSAGES:
        warnings.filterwarnings("ignore", message=message)
