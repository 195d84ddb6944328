"""Training a model again from what its training wrote down, and comparing the two.

Everything happens in a scratch folder: the home is read and never changed. Knows no Dagster.
"""
