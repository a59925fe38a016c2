r"""Tables as LaTeX with booktabs, to be read into a paper with \input. Special characters are escaped.

pdfLaTeX, XeLaTeX and LuaLaTeX take the files. Letters that are neither Latin nor below are left as they are; XeLaTeX
and LuaLaTeX print them if the font has them; the file says so.
"""

from collections.abc import Sequence

from common.report.tables import Table

# Brackets in braces: behind a line break one would begin a length.
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}",
    "−": "$-$", "×": r"$\times$", "±": r"$\pm$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$",
    "→": r"$\rightarrow$", "²": r"$^2$", "³": r"$^3$", "…": r"\ldots{}", "†": r"\textdagger{}", "—": "---", "–": "--",
    "“": "``", "”": "''", "‘": "`", "’": "'", "°": r"$^\circ$", "∞": r"$\infty$",
    "\u00a0": "~", "\u202f": r"\,",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
    "σ": "sigma", "ς": "varsigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_LETTERS = _SPECIAL | {letter: f"$\\{name}$" for letter, name in _GREEK.items()}
HEAD = "% \\usepackage{booktabs} in the preamble; \\input{NAME} where the table is to stand."
FOREIGN = "% It has letters that pdfLaTeX does not know: compile with XeLaTeX or LuaLaTeX."


def latex_text(text: str) -> str:
    """`text` in LaTeX, where it reads as it is."""
    return "".join(_LETTERS.get(letter, letter) for letter in " ".join(text.split()))


def to_latex(table: Table, name: str) -> str:
    """A floating table with caption and label `tab:NAME`, rules between its blocks, the notes below."""
    rows: list[str] = []
    for i, row in enumerate(table.rows):
        rows += [r"    \midrule"] if i in table.breaks else []
        rows.append(_row(row))
    columns = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    text = "".join([table.title, *table.columns, *table.notes, *(cell for row in table.rows for cell in row)])
    lines = [
        HEAD.replace("NAME", name),
        *([FOREIGN] if any(ord(letter) > 0x17F and letter not in _LETTERS for letter in text) else []),
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{latex_text(table.title)}}}",
        f"  \\label{{tab:{name}}}",
        f"  \\begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        _row(table.columns),
        r"    \midrule",
        *rows,
        r"    \bottomrule",
        r"  \end{tabular}",
        *(f"  \\par\\footnotesize {latex_text(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(latex_text(cell) for cell in cells) + r" \\"
