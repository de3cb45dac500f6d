"""Categories: what a text is for. The one list of them."""

from enum import StrEnum


class Category(StrEnum):
    """What a text is for, which decides about its rules. What nobody names is transactional."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
