"""How sure the BD-rates of a report are: for each of them what it rests on, see `common.results.bd_certainty`."""

from collections.abc import Iterable, Sequence

from common.report.bd_table import Comparison, legend
from common.report.tables import NOT_COMPARABLE, Table, footnotes, gain, limits, signed
from common.results.bd import MIN_OVERLAP
from common.results.bd_certainty import Certainty
from common.results.bootstrap import LEVEL, RESAMPLES, SEED, Missing
from common.results.measures import Measure

INTERVAL, LEFT_OUT, SEEDS, OVERLAP, GAIN = f"{LEVEL} % interval", "leave one out", "seeds", "overlap", "BD-quality"
COLUMNS = ["metric", "curve", "BD-rate", INTERVAL, LEFT_OUT, SEEDS, OVERLAP, GAIN]


def certainty_table(found: Comparison) -> Table:
    """A block a metric, a line a curve; columns that no line fills are left out, the notes say why."""
    rows: list[list[str]] = []
    breaks = set()
    for measure in found.measures:
        breaks.add(len(rows))
        for curve, rates in found.rows:
            if each := rates.get(measure.key):
                rows.append([measure.title if len(rows) in breaks else "", curve.name, *_figures(each, measure)])
    every = [each for _, rates in found.rows for each in rates.values()]
    kept = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    columns = [COLUMNS[i] for i in kept]
    notes = [text for column, text in _legend(every).items() if column in columns]
    return Table(
        f"How sure the BD-rates against {found.anchor.name} are",
        columns,
        [[row[i] for i in kept] for row in rows],
        labels=2,
        breaks=frozenset(breaks - {0}),
        notes=(
            *legend(found),
            *notes,
            *reasons(every),
            *footnotes(each.quality for each in every),
        ),
    )


def _figures(found: Certainty, measure: Measure) -> list[str]:
    rate, seeds = found.rate, found.seeds
    known = rate.percent is not None
    return [
        signed(rate.percent, ".1f", " %") if rate.percent is not None else NOT_COMPARABLE,
        limits(found.interval),
        limits(found.left_out),
        f"{signed(seeds.mean, '.1f')} ± {seeds.std:.1f} ({seeds.n})" if seeds and seeds.std is not None else "",
        f"{int(100 * rate.overlap)} %" if known else "",
        gain(found.quality, f" {measure.unit}" if measure.unit else ""),
    ]


def _legend(every: Sequence[Certainty]) -> dict[str, str]:
    """What each column is; intervals, ranges and spreads are in percent of bits, as the BD-rate is."""
    counts = sorted({(each.interval.pictures, each.interval.unit) for each in every if each.interval})
    pictures = " or ".join(f"{count} {unit}s" for count, unit in counts)
    return {
        INTERVAL: f"{INTERVAL}: of the BD-rate when {pictures} are drawn from the test set again with replacement, the "
        f"same for both curves (percentile bootstrap, {RESAMPLES} draws, seed {SEED}).",
        LEFT_OUT: "Leave one out: the lowest and the highest BD-rate when one point of either curve is left out.",
        SEEDS: "Seeds: mean ± sample standard deviation of the BD-rates of single seeds, and their number.",
        OVERLAP: "Overlap: part of the joint quality range that both curves cover.",
        GAIN: "BD-quality: quality gained at equal rate (of PSNR it is BD-PSNR); positive: better. In brackets: part "
        f"of the joint range of rates that both curves cover, where below {100 * MIN_OVERLAP:.0f} %.",
    }


def reasons(every: Iterable[Certainty]) -> list[str]:
    """Why figures are missing, each said once with the curves that it is about."""
    names: dict[str, dict[str, None]] = {}
    for missing in (each for found in every for each in found.missing):
        names.setdefault(missing.text, {}).update(dict.fromkeys(missing.curves))
    return [f"{in_words(Missing(text, tuple(curves)))}." for text, curves in names.items()]


def in_words(missing: Missing) -> str:
    said = missing.text[0].upper() + missing.text[1:]
    return f"{said}: {', '.join(missing.curves)}" if missing.curves else said
