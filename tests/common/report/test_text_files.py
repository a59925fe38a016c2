"""Markdown that reads as it is, and files that hold every figure."""

import csv
import io
from pathlib import Path

from support.score_runs import score_run

from common.report.sections import score_section
from common.report.tables import Table
from common.report.text_files import report_json, scores_csv, text_of, to_markdown
from common.results.collect import collect
from common.results.groups import group_scores


def test_markdown_escapes_what_means_something_and_no_more() -> None:
    assert text_of("a|b *c* _d_ $e$ `f` <g> \\h ~~i~~ [j](k)") == (
        r"a\|b \*c\* \_d\_ \$e\$ \`f\` \<g> \\h \~\~i\~\~ [j]\(k)"
    )
    assert text_of("swift_tiny [4:2:0] row=a.b N=192 (54 %) C&A") == "swift_tiny [4:2:0] row=a.b N=192 (54 %) C&A"
    assert text_of("a\nb &lt;") == r"a b \&lt;"
    table = Table("t $", ["n|m", "x"], [["a|b", "1"]], notes=("_n_",))
    assert to_markdown(table) == "### t \\$\n\n| n\\|m | x |\n| --- | ---: |\n| a\\|b | 1 |\n\n- \\_n\\_\n"


def test_files_hold_every_figure_of_every_run(tmp_path: Path) -> None:
    for seed, epe in ((2, 1.2), (0, 0.8), (1, 1.0)):
        figures = {"procedural_test/epe": epe, "procedural_test/1px": 9.0, "stereo/s40+": None}
        score_run(tmp_path / f"small-{seed}", figures, "small_tiny", seed)
    score_run(tmp_path / "lost", {"stereo/epe": 0.1}, "a_tiny")
    (group,) = group_scores(collect([tmp_path]).scores)

    rows = list(csv.DictReader(io.StringIO(scores_csv([group]))))
    assert len(rows) == 4
    (one,) = (row for row in rows if (row["run"], row["seed"]) == ("small_tiny", "1"))
    assert (one["procedural_test/epe"], one["procedural_test/1px"], one["stereo/s40+"]) == ("1.0", "9.0", "")
    assert (one["parameters"], one["gmacs"], one["pair_time"]) == ("1234000", "5.678", "0.03")
    assert one["source"].endswith("small-1/result.json")
    (written,) = report_json("", [score_section(group, tmp_path, "")], [])["groups"]
    (small,) = (line for line in written["scores"] if line["name"] == "small_tiny")
    assert (small["seeds"], small["pair_time"]) == ([0, 1, 2], [0.02, 0.03, 0.04])
    assert small["results"]["procedural_test/epe"] == [0.8, 1.0, 1.2]
