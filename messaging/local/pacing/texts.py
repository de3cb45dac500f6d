"""Texts of one segment and of three."""

from messaging.domain.draft import Draft
from messaging.local.bench import texts

_LONG = " This one goes on for so long that it takes three segments to tell all of it." * 4


def drafts(count: int, *, mixed: bool) -> list[Draft]:
    """So many texts, no two alike; if mixed, every other one has three segments."""
    return [
        Draft(to=texts.recipient(n), body=texts.body(n) + (_LONG if mixed and n % 2 else ""))
        for n in range(count)
    ]
