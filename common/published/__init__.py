"""Rate-distortion points that others published, by name, with the source of each; README.md tells of the data."""
