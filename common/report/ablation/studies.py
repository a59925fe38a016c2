"""Makes the tables of all ablation studies that are found among some runs."""

from common.report.ablation.flow import study_scores_table
from common.report.ablation.matrix import matrix_table
from common.report.ablation.rates import rates_table
from common.report.ablation.study_runs import find_studies
from common.report.tables import Table
from common.results.bd import DEFAULT, Method
from common.results.curves import Group
from common.results.flow_results import ScoreGroup


def study_tables(group: Group | ScoreGroup, method: Method = DEFAULT) -> list[Table]:
    """A table for every study among the runs of `group`, in its paper's layout."""
    studies = find_studies(group)
    if isinstance(group, ScoreGroup):
        return [study_scores_table(study) for study in studies]
    return [matrix_table(study, method) if "bd_rate" in study.spec else rates_table(study, method) for study in studies]
