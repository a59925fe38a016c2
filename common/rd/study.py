"""Ablation studies: the tables of those that are among some runs."""

from common.rd.bd import DEFAULT, Method
from common.rd.curves import Group
from common.rd.scores import ScoreGroup
from common.rd.study_matrix import matrix_table
from common.rd.study_rates import rates_table
from common.rd.study_runs import find_studies
from common.rd.study_scores import study_scores_table
from common.rd.tables import Table


def study_tables(group: Group | ScoreGroup, method: Method = DEFAULT) -> list[Table]:
    """A table for every study among the runs of `group`, in its paper's layout."""
    studies = find_studies(group)
    if isinstance(group, ScoreGroup):
        return [study_scores_table(study) for study in studies]
    return [matrix_table(study, method) if "bd_rate" in study.spec else rates_table(study, method) for study in studies]
