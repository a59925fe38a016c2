"""What runs and baselines measured: points, curves, Bjøntegaard deltas."""
