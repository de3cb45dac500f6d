"""Processes and all that they started."""

from collections import defaultdict
from collections.abc import Iterable, Mapping


def family(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """These processes and everything below them; `parents` has the parent of each process."""
    below: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in parents.items():
        below[parent].append(pid)
    wanted = list(roots)
    for pid in wanted:
        wanted += below[pid]
    return set(wanted)
