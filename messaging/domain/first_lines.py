"""The opt-out line in a plan: which of its texts would get it. Pure."""

from dataclasses import dataclass, replace
from uuid import UUID

from messaging.domain.draft import Prepared
from messaging.domain.job import JobId, Phone
from messaging.domain.opt_out_line import FirstText, OptOutLines, below, completed
from messaging.domain.segments import count

_NOBODY = JobId(UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides about the line of a draft; `had_line` is that its number has had one."""

    had_line: bool
    template_line: str | None = None
    asked_language: str | None = None
    template_language: str | None = None
    languages: tuple[str, ...] = ()
    gsm7: bool = False


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
