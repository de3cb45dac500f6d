"""Records: values of which several are made for each text."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(
    eq_default=True, frozen_default=True, kw_only_default=True, field_specifiers=(field,)
)
def record(cls: type[T]) -> type[T]:
    """A dataclass with slots and keywords that nobody changes once it is made.

    The type checker sees to that, and not Python: with `frozen=True` each field costs 0.17 µs
    instead of 0.05, and the records of a text have eighty.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
