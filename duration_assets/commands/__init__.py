"""The larger commands, a module each: arguments in, messages out. `cli.py` puts them together."""
