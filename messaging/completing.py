"""The settings of the opt-out line, which the first text to a number gets."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from messaging.consenting import are_categories, categories_in
from messaging.domain.opt_out_line import LONGEST, OptOutLines, checked
from messaging.errors import Refused
from messaging.setting_groups import named

_OFF, _NONE = "off", "none"


def _are_lines(written: str) -> str:
    try:
        _read(written)
    except (ValueError, RecursionError, Refused):
        raise ValueError(
            f'takes lines of 1 to {LONGEST} characters by language: {{"de": "Stopp mit STOPP."}}'
        ) from None
    return written


def _read(written: str) -> Mapping[str, str]:
    """Raises ValueError, RecursionError or Refused for what is no object of lines."""
    if not written.strip():
        return {}
    lines = checked(dict(json.loads(written)), "it")
    return lines if isinstance(lines, dict) else {}


def _are_categories(words: str) -> str:
    return words if words == _NONE else are_categories(words)


class CompletingSettings(BaseModel):
    """The opt-out line."""

    opt_out_line: str = Field(
        "Reply STOP to opt out.",
        max_length=LONGEST,
        validation_alias=named("MESSAGING_OPT_OUT_LINE"),
        description="What the first text to a number says below its own words; off for nothing.",
    )
    opt_out_lines: Annotated[str, AfterValidator(_are_lines)] = Field(
        "",
        validation_alias=named("MESSAGING_OPT_OUT_LINES"),
        description='The same by the language of a template\'s text: {"de": "Stopp mit STOPP."}',
    )
    opt_out_line_categories: Annotated[str, AfterValidator(_are_categories)] = Field(
        "marketing",
        validation_alias=named("MESSAGING_OPT_OUT_LINE_CATEGORIES"),
        description="Whose first texts get it, unless their template says otherwise; or none.",
    )

    @cached_property
    def lines(self) -> OptOutLines:
        """The lines that these settings describe."""
        line = self.opt_out_line.strip()
        of = self.opt_out_line_categories
        return OptOutLines(
            line="" if line.lower() == _OFF else line,
            by_language=_read(self.opt_out_lines),
            categories=frozenset() if of == _NONE else categories_in(of),
        )
