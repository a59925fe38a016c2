"""Sweeps: their points, the cluster, searches, and the report at the end."""
