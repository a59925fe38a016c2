"""Warnings of libraries about each other, which a user can do nothing about."""

import logging
import os
import warnings

MESSAGES = (
    r".*torch\.jit\.script.*",  # compressai and pytorch-msssim script functions at import
    r".*padding='same' with even kernel lengths.*",  # of the discriminator: that is meant
    r".*isinstance\(treespec, LeafSpec\).*",  # lightning
    r".*`srun` command is available.*",  # a run inside an allocation starts its own ranks
    r".*does not have many workers.*",  # loading in the training process is deliberate at size=tiny
    r".*Checkpoint directory .* exists and is not empty.*",  # that is what resuming means
    r".*The dirpath has changed from.*",  # extend=RUN goes on in a folder of its own
    r".*smaller than the logging interval.*",  # a short run logs its last step
    r".*`broadcast_buffers` is deprecated.*",  # its successor is not in every torch we support
    r".*your dataloader is not resumable.*",  # it is: its sampler counts steps (common.data.training)
)


def quiet() -> None:
    """Show neither them nor Lightning's remarks on GPUs, TPUs, ranks and its own products.

    Of several ranks the first speaks for all; the others say errors.
    """
    for message in MESSAGES:
        warnings.filterwarnings("ignore", message=message)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # debug=profile
    if os.environ.get("RANK", "0") != "0":
        warnings.simplefilter("ignore")
        logging.getLogger().setLevel(logging.ERROR)
