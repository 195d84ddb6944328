"""What is dropped after use: matrices, which are large and can be made again from what stays."""

from __future__ import annotations

from duration_assets.lineage import Node
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store


def drop_used_matrices(store: Store, matrix: str, user: Node, keep: int) -> list[Month]:
    """Drop the files of the matrices that were used, except the newest ones.

    Args:
        store: where they are.
        matrix: the key of the asset that makes them.
        user: the asset that is made from them, month by month.
        keep: how many of the used ones stay.

    Returns:
        The months that were dropped.
    """
    used = [found for month in store.months(matrix) if (found := _used(store, matrix, user, month))]
    used.sort(key=lambda partition: partition.written, reverse=True)
    return [Month.parse(each.month) for each in used[keep:] if store.drop(each)]


def _used(store: Store, matrix: str, user: Node, month: Month) -> Partition | None:
    """Return a matrix whose files are there, if what is made from it need not be made again."""
    found, made = store.find(matrix, month), store.find(user.key, month)
    if found is None or made is None or found.is_dropped:
        return None
    is_of_today = made.code_version == user.code_version
    return found if is_of_today and made.inputs.get(found.name) == found.data_version else None
