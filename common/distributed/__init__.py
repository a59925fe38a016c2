"""Several processes for one run: how they start, find each other and stop."""
