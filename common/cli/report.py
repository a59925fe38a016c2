"""`lic report`: turn finished runs into curves, tables and a page."""

import argparse
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Collects every finished run below the given folders (result.json), the points that failed (failed.json) and
the classical codecs measured with `lic bench` (*.baseline.json), joins the points of a sweep to curves, and
writes report.html, report.md, report.json, the figures, points.csv of what has a rate and scores.csv of what
has none (optical flow). Results of different protocols, pictures, clips or test sets never
share a table."""


class _ListPublished(argparse.Action):
    """Like --help: what it shows needs no folder."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from shutil import get_terminal_size

        from common.published.listing import listing

        print(listing(get_terminal_size().columns))
        parser.exit()


def main(argv: list[str]) -> int:
    """Run `lic report` with the arguments after the verb; LicError says what is wrong with them."""
    parser = argparse.ArgumentParser(
        "lic report", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of runs, sweeps or baselines")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: first DIR/report)")
    parser.add_argument(
        "--published",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME|FILE",
        help="published curves: names (vtm,elic; --list-published shows all), which join the results on their own test "
        "set only, or files in CompressAI's JSON layout, which are taken to fit every table",
    )
    parser.add_argument(
        "--list-published", nargs=0, action=_ListPublished, help="show the names of published curves, and end"
    )
    parser.add_argument(
        "--method",
        choices=("pchip", "akima", "cubic"),
        default="pchip",
        help="interpolation of BD-rates: pchip never leaves the points, cubic compares with older papers; below the "
        "table is said where a figure is not to be trusted (default: %(default)s)",
    )
    parser.add_argument(
        "--anchor",
        metavar="NAME",
        help="the curve that BD-rates are against (default: the first classical codec, else the first published curve, "
        "else the first run, of those with two points)",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="RUN=TEXT",
        help="call a curve TEXT; RUN is the folder of a run or sweep, a curve's file or its name (may be repeated)",
    )
    parser.add_argument(
        "--latex",
        action="store_true",
        help="for a paper: also write every table as a .tex file (booktabs) and the curves as PDF and SVG",
    )
    parser.add_argument("--title", default="Report", help="heading of the page")
    options = parser.parse_args(argv)

    from rich.console import Console

    from common.report.writer import print_report, write_report

    out = options.out or options.folders[0] / "report"
    # Where sweeps keep the classical codecs that they measured.
    kept = [place for folder in options.folders if (place := folder.resolve().parent / "baselines").is_dir()]
    report = write_report(
        options.folders,
        out,
        options.published,
        kept,
        title=options.title,
        method=options.method,
        anchor=options.anchor,
        labels=options.label,
        latex=options.latex,
    )
    print_report(report, Console())
    return 0
