"""One HTML page that a reviewer can read: what was reached, on what, how, and how to make it again."""

from handful.report.content import Picture, ReportContent
from handful.report.page import render_report, write_report

__all__ = ["Picture", "ReportContent", "render_report", "write_report"]
