"""What the assets use: the source of months, the store of partitions, MLflow."""
