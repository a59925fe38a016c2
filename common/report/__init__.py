"""The report of finished runs: tables, figures, a page."""
