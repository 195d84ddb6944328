"""The champion over HTTP: what is asked is read, answered, and counted here; no Dagster."""
