"""The opt-out line before there is a job: room for it, and which texts of a plan get it. Pure."""

from dataclasses import dataclass, replace
from uuid import UUID

from messaging.domain.content import content_of
from messaging.domain.declarations import RESERVED
from messaging.domain.draft import Prepared, TemplateSource
from messaging.domain.job import MAX_BODY, JobId, Phone
from messaging.domain.opt_out_line import LONGEST, FirstText, OptOutLines, below, completed
from messaging.domain.segments import count
from messaging.domain.twins import LONGEST as LONGEST_TWIN
from messaging.errors import Refused

_NOBODY = JobId(UUID(int=0))
_ROOMY = MAX_BODY - 1 - LONGEST * LONGEST_TWIN
"""Characters of a text that has room for every line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides about the line of a draft; `had_line` is that its number has had one."""

    had_line: bool
    template_line: str | None = None
    asked_language: str | None = None
    template_language: str | None = None
    languages: tuple[str, ...] = ()
    gsm7: bool = False


def check_room(draft: Prepared, template: TemplateSource | None, lines: OptOutLines) -> None:
    """Raises Refused where the text would be too long if it were the first to its number.

    Whether it is will be known when it goes out. `template` is the one that it was made of.
    """
    if len(draft.message_content) <= _ROOMY:
        return
    line = lines.of(_first_text(draft, _standing(draft, template)))
    if line is None or line in draft.message_content:
        return
    most = MAX_BODY - len(below(draft.message_content, line)) + len(draft.message_content)
    if len(draft.message_content) > most:
        raise Refused(
            f"The text has {len(draft.message_content):,} characters, and no room for the opt-out "
            f"line that the first text to a number gets: shorten it to {most:,} or fewer, or let "
            "it say that line itself."
        )


class FirstLines:
    """One for a plan: the line goes to the first text of each number that has had none."""

    def __init__(self, lines: OptOutLines) -> None:
        self._lines = lines
        self._told: set[Phone] = set()

    def with_line(self, draft: Prepared, standing: Standing) -> Prepared:
        """The draft as it would go out. Raises Refused where there is no room for its line."""
        if standing.had_line or draft.recipient_phone in self._told:
            return draft
        text = _first_text(draft, standing)
        line = self._lines.of(text)
        if line is None:
            return draft
        self._told.add(draft.recipient_phone)
        done = completed(text, line)
        if not done.line:
            return draft
        body = below(draft.message_content, done.line)
        return replace(
            draft,
            message_content=body,
            segments=done.segments,
            encoding=count(body).encoding,
        )


def _standing(draft: Prepared, template: TemplateSource | None) -> Standing:
    if template is None:
        return Standing(had_line=False)
    content = content_of(template.content)
    asked = draft.template_vars.get(RESERVED) or content.template_vars.get(RESERVED)
    return Standing(
        had_line=False,
        template_line=template.opt_out_line,
        asked_language=asked if isinstance(asked, str) else None,
        template_language=content.language,
        languages=tuple(content.texts),
        gsm7=content.gsm7,
    )


def _first_text(draft: Prepared, standing: Standing) -> FirstText:
    return FirstText(
        id=_NOBODY,
        message_content=draft.message_content,
        has_media=bool(draft.media_urls),
        category=draft.category,
        template_line=standing.template_line,
        asked_language=standing.asked_language,
        template_language=standing.template_language,
        languages=standing.languages,
        gsm7=standing.gsm7,
    )
