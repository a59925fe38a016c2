"""Names of curves reach figure, Markdown, LaTeX, terminal and page as the text that they are."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from matplotlib.text import Text as Drawn
from rich.console import Console

from common.errors import LicError
from common.io import write_json
from common.report.latex import FOREIGN, HEAD, latex_text, to_latex
from common.report.tables import Table
from common.report.text_files import text_of
from common.report.writer import print_report, write_report
from common.results.curves import load

NAME = r"cost $x_1$ 50% #1 a|b _c_ *d* <i> [red]R[/red] \frac{ ~^& :car: `e`"
POINTS = {"bpp": [0.1, 0.2, 0.4], "psnr-rgb": [27.0, 30.0, 33.0]}


def test_a_report_on_names_with_every_special_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, bool]] = []
    monkeypatch.setattr(Drawn, "draw", _noting(drawn))
    for i, name in enumerate((NAME, "$")):
        write_json(tmp_path / f"{i}.json", {"name": name, "results": POINTS})
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    report = write_report([tmp_path / "empty"], out, [tmp_path / "0.json", tmp_path / "1.json"], latex=True)
    names = {path.name for path in report.files}
    assert names == {path.name for path in out.iterdir()}
    assert names >= {"results.tex", "bd_rate.tex", "rd_psnr.png", "rd_psnr.pdf", "rd_psnr.svg"}
    assert ("$", False) in drawn
    console = Console(width=200, record=True, file=io.StringIO())
    print_report(report, console)
    assert NAME in console.export_text()
    assert text_of(NAME) in (out / "report.md").read_text()
    assert latex_text(NAME) in (out / "results.tex").read_text()


def _noting(drawn: list[tuple[str, bool]]):  # type: ignore[no-untyped-def]
    draw = Drawn.draw

    def note(self: Drawn, *args: object, **kwargs: object) -> None:
        drawn.append((self.get_text(), self.get_parse_math()))
        draw(self, *args, **kwargs)  # type: ignore[arg-type]

    return note


def test_latex_escapes_every_special_letter() -> None:
    assert latex_text(r"a\b{c}$d$&#%_~^") == (
        r"a\textbackslash{}b\{c\}\$d\$\&\#\%\_\textasciitilde{}\textasciicircum{}"
    )
    assert latex_text("λ −3 ± 2 [x]") == r"$\lambda$ $-$3 $\pm$ 2 {[}x{]}"
    plain = re.sub(r"\\(text\w+\{\}|[{}$&#%_])", "", latex_text(NAME)).replace("{[}", "").replace("{]}", "")
    assert not set(plain) & set(r"\{}$&#%_~^[]<>|")


TABLE = Table(
    "BD-rate against λ_1 & co., 50 %",
    ["λ / q", "PSNR ± σ", "[dB]"],
    [["[a] " + NAME, "−1.5 %", "+2 †"], ["b", "", "²³×·≤…—–“”’°µ"]],
    breaks=frozenset({1}),
    notes=("† see $x$", "bpp + λ·255²·MSE, λ·(1 − MS-SSIM)"),
)


def test_a_latex_table_has_its_columns_rules_and_label() -> None:
    lines = to_latex(TABLE, "bd_rate").splitlines()
    assert lines[0] == HEAD.replace("NAME", "bd_rate")
    assert FOREIGN not in lines and FOREIGN in to_latex(TABLE._replace(title="日本"), "x").splitlines()
    begin = lines.index(r"  \begin{tabular}{lrr}")
    assert r"  \label{tab:bd_rate}" in lines[:begin]
    assert [line.strip() for line in lines[begin + 1 :] if "rule" in line] == [
        r"\toprule", r"\midrule", r"\midrule", r"\bottomrule",
    ]  # fmt: skip
    rows = [line for line in lines if line.endswith(r" \\")]
    assert len(rows) == 3 and all(len(re.findall(r"(?<!\\)&", row)) == 2 for row in rows)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles_it(tmp_path: Path) -> None:
    (tmp_path / "t.tex").write_text(to_latex(TABLE, "t"))
    main = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{t}\\end{document}"
    (tmp_path / "main.tex").write_text(main)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            '{"results": {"bpp": [1], "psnr-rgb": [30], "ms-ssim-rgb": [NaN]}}',
            "holds NaN, which is no figure: write null",
        ),
        ('{"results": {"bpp": [1], "psnr-rgb": [-Infinity]}}', "holds -Infinity"),
        ('{"results": {"bpp": [1], "psnr-rgb": [1e999]}}', '"psnr-rgb" holds inf where a number'),
        ('{"results": {"bpp": [-1], "psnr-rgb": [30]}}', "not negative"),
        ('{"results": {"bpp": [1], "ms-ssim-rgb": [15.3]}}', 'dB go in "ms-ssim-db-rgb"'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_figures_that_are_none_are_one_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    file.write_text(content)
    with pytest.raises(LicError, match=re.escape(sentence)):
        load(file)


def test_a_name_is_one_printable_line(tmp_path: Path) -> None:
    for given, shown in {"a\x1b[31m\nb\t": "a [31m b", "\ud800": "?", " \n": "curve", "日本": "日本"}.items():
        content = {"name": given, "results": {"bpp": [1], "psnr-rgb": [3]}}
        (tmp_path / "curve.json").write_text(json.dumps(content))
        assert load(tmp_path / "curve.json").name == shown
