"""Reports for people: what they are made of, how they are written, and what each of them says.

A report is described once, as sections of text, tables and pictures (`report.py`), and written as
Markdown for Dagster's web UI or as a web page of its own (`writing.py`). What a kind of report says
stands in a module of its own. Nothing here computes a figure.
"""
