"""Loggers, and what trackers show of a run."""
