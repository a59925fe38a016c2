"""`report.html`, a page that needs nothing else."""
