"""What is known about trips and models: cleaning, statistics, features, training, metrics, reports.

Everything here works on files, tables and arrays, and can be used without Dagster, which is never
imported here.
"""
