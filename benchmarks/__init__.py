"""Measurements: the course's way and ours, side by side, as whole processes. Never run as tests.

`course_script.py` is the baseline, `measuring.py` runs a process, `compare.py` runs both in turn,
`scale.py` grows ours, and `report.py` writes `docs/benchmarks.md` from what they found.
`ablation.py` measures something else: what each group of features is worth.
"""
