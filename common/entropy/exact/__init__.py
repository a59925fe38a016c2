"""Exact arithmetic for the networks that tell the coder's parameters; why and how is in this folder's README.md."""

from common.entropy.exact.adoption import adopt_networks
from common.entropy.exact.mode import Exact, NotExactError, at_positions, everywhere, parameters, run, synthesis
from common.entropy.exact.sums import shuffled_sums

__all__ = [
    "Exact",
    "NotExactError",
    "adopt_networks",
    "at_positions",
    "everywhere",
    "parameters",
    "run",
    "shuffled_sums",
    "synthesis",
]
