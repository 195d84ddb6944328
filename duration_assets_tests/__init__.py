"""Tests of `duration_assets`, in folders like the package's own."""
