"""Coding files with any codec: one file, many files, and what a file or a run folder holds."""
