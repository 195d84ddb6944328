"""Backtests: candidates tried side by side on rolling months of a home's store, and a report.

`modelling/backtesting.py` says what a backtest is and sums it up, and `modelling/trials.py` fits
and judges. Here a trial finds its trips in the store, gets a process, and is written down.
"""
