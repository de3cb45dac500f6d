"""What a text is for, as people type it."""

from messaging.domain.category import Category
from messaging.errors import Refused


def category(written: str | None) -> Category | None:
    """The category of this name; None where nothing was typed. Raises Refused."""
    try:
        return Category(written) if written is not None else None
    except ValueError:
        raise Refused(f"--category takes one of {', '.join(Category)}.") from None
