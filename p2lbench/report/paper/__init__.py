"""Figures for papers: one per file, PDF or PNG, as wide as a column or a page."""

from p2lbench.report.paper.draw import draw_all

__all__ = ["draw_all"]
