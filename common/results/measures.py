"""Metrics that are plotted against bits per pixel: PSNR, MS-SSIM, and a user's own, which result.json describes."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """A key of a result's figures, and how it is shown."""

    key: str
    title: str
    unit: str = ""
    higher_is_better: bool = True

    @property
    def sign(self) -> int:
        """What makes a figure one of which more is better."""
        return 1 if self.higher_is_better else -1

    @property
    def axis(self) -> str:
        said = [self.unit] if self.unit else []
        said += [] if self.higher_is_better else ["less is better"]
        return f"{self.title} ({', '.join(said)})" if said else self.title


STANDARD = (Measure("psnr-rgb", "PSNR", "dB"), Measure("ms-ssim-rgb", "MS-SSIM", "dB"))


def own_measures(result: Mapping[str, Any]) -> dict[str, Measure]:
    """Those that a result's "metrics" describe (`common.metrics.own`), by key."""
    said = result.get("metrics")
    if not isinstance(said, dict):
        return {}
    return {
        key: Measure(
            key, str(each.get("title") or key), str(each.get("unit") or ""), each.get("higher_is_better", True)
        )
        for key, each in said.items()
        if isinstance(each, dict)
    }
