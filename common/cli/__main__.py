"""`python -m common.cli` is `lic`."""

from common.cli.verbs import script

script()
