"""Results as records: a dictionary for each point, from any folders of runs and baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import LicError
from common.results.collect import read

if TYPE_CHECKING:
    import pandas


def records(*folders: str | Path) -> list[dict[str, Any]]:
    """Every point measured below `folders`, as a dictionary.

    Of codecs, learned and classical: "curve", "kind" ("run", "baseline"), "protocol", "dataset", "bpp", "psnr" (dB),
    "ms_ssim" (0 to 1, None where not defined), and what the file says beside: "lmbda", "seed", "quality",
    "encoding_time" (s) and so on. Of flow networks: "curve", "protocol", "dataset", "seed", and SET/FIGURE -> value.
    "source" is the file.

    Raises:
        LicError: one of the folders does not exist.
    """
    found = read([Path(folder).expanduser() for folder in folders])
    codecs = [
        {
            "curve": curve.name,
            "kind": curve.kind,
            "protocol": curve.protocol,
            "dataset": curve.dataset,
            "bpp": point.bpp,
            "psnr": point.psnr,
            "ms_ssim": point.ms_ssim,
            **point.extra,
            "source": str(point.source),
        }
        for curve in found.curves
        for point in curve.points
    ]
    flow = [
        {
            "curve": score.name,
            "kind": "run",
            "protocol": score.protocol,
            "dataset": score.dataset,
            "seed": score.seed,
            **score.costs,
            **score.results,
            "source": str(score.source),
        }
        for score in found.scores
    ]
    return [*codecs, *flow]


def dataframe(*folders: str | Path) -> "pandas.DataFrame":
    """`records` as a table.

    Raises:
        LicError: pandas is not installed, or a folder does not exist.
    """
    try:
        import pandas
    except ImportError as error:
        raise LicError("a DataFrame needs pandas (pip install pandas); records(…) gives a list without it.") from error
    return pandas.DataFrame(records(*folders))
