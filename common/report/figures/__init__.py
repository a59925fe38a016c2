"""Figures of a report as PNG, PDF and SVG."""
