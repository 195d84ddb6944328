"""The assets, a module each, in lineage order: thin shells over `duration_assets.modelling`.

`common.py` holds what they share. What an asset reads stands in `duration_assets.lineage`.
"""
