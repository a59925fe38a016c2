"""Training and evaluation: from the command line to a finished run folder."""
