"""A shim for tools that look for this file: the metadata stands in `pyproject.toml`."""

from setuptools import setup

setup()
