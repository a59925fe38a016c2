"""Quality metrics: plain functions per image, and thin `torchmetrics` classes that average them."""
