"""Ablation studies: a paper's table, our figures beside its claims."""
