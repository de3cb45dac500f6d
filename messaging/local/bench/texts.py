"""Texts to measure with, to numbers for fiction."""

from messaging.domain.draft import Draft


def recipient(n: int) -> str:
    """A number that belongs to nobody, another one for each n from 0 to 79,999."""
    return f"+1{200 + n // 100 % 800}55501{n % 100:02d}"


def body(n: int) -> str:
    """A text of one segment, as long as a usual one, that differs from all others."""
    return f"Your appointment number {n} is tomorrow at 10:30. Reply C to confirm, or call us."


def drafts(count: int) -> list[Draft]:
    """So many texts."""
    return [Draft(to=recipient(n), body=body(n)) for n in range(count)]
