"""Several processes for one run: how they start, find and tell each other, and stop."""
