"""Predicts how long a New York taxi trip takes, and keeps the models current as months arrive.

Importing this package does nothing: it reads no setting, opens no file and loads no heavy library.
`definitions.py` is where Dagster starts, `cli.py` where the command line starts.
"""
