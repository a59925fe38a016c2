"""What was found, for the terminal and as JSON."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lic_image.conform.checks import FAILED, HELD, NONE, SHOWN, Finding

Findings = dict[str, dict[str, Finding]]  # column -> check -> what was found
SIGNS = {HELD: ("✓", "green"), FAILED: ("✗", "red"), SHOWN: (" ", ""), NONE: ("–", "dim")}


def shown(findings: Findings, console: Console) -> None:
    """One row for each check, one column for each way the codec is coded; below, a sentence for each failure."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for column in findings:
        table.add_column(column, overflow="fold")
    for check in next(iter(findings.values())):
        table.add_row(check, *(_cell(found[check]) for found in findings.values()))
    console.print(table)
    for column, found in findings.items():
        for check, finding in found.items():
            if finding.state == FAILED and finding.note:
                console.print(Text(f"✗ {column}, {check}: {finding.note}"), soft_wrap=True)


def _cell(finding: Finding) -> Text:
    sign, style = SIGNS[finding.state]
    return Text(f"{sign} {finding.figure}".rstrip() if finding.state != NONE else sign, style)


def as_json(findings: Findings) -> dict[str, Any]:
    return {
        column: {check: finding._asdict() for check, finding in found.items()} for column, found in findings.items()
    }
