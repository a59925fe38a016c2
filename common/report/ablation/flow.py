"""Studies of networks without a rate: their figures on every test set, row by row."""

from common.report.ablation.rows import rows_table
from common.report.ablation.study_runs import Study
from common.report.flow_tables import LEGEND, PER_PAIR, column_of, figure_of
from common.report.mean_std import COSTS, cells
from common.report.tables import Table
from common.results.flow_results import result_keys


def study_scores_table(study: Study) -> Table:
    """The rows of `study` with the figures that the paper claims of any set, ours of every set that the runs have."""
    claimed = {figure_of(key) for key in study.spec["claims"]}
    keys = [key for key in result_keys([run.results for run in study.runs]) if figure_of(key) in claimed]
    columns = (*(column_of(key) for key in keys), *COSTS, PER_PAIR)
    return rows_table(
        study,
        lambda line: cells([run.figures for run in line.runs], columns),
        {key: column_of(key).heading for key in keys},
        [LEGEND],
    )
