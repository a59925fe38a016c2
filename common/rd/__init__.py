"""Rate-distortion points and curves, Bjøntegaard deltas, tables, figures and the report."""
