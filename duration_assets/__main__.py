"""`python -m duration_assets` is the same as `duration-prediction`."""

from duration_assets.cli import main

main()
