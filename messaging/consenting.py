"""The settings of consent: which words people may use, who answers them, and what was missed."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from messaging.domain.category import Category
from messaging.domain.inbound import Replies
from messaging.domain.keywords import KEYWORDS, Keywords, Word, fold
from messaging.setting_groups import named


def are_categories(words: str) -> str:
    """The words, if each is a category. Raises ValueError."""
    unknown = [word for word in _split(words) if word not in set(Category)]
    if unknown:
        raise ValueError(f"takes {', '.join(Category)}, and not {', '.join(unknown)[:60]}")
    return words


def categories_in(words: str) -> frozenset[Category]:
    """The categories that a setting names."""
    return frozenset(Category(word) for word in _split(words))


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _are_known(languages: str) -> str:
    unknown = [language for language in _split(languages) if language not in KEYWORDS]
    if unknown:
        raise ValueError(f"knows {', '.join(KEYWORDS)}, and not {', '.join(unknown)[:60]}")
    return languages


def _are_single(words: str) -> str:
    broken = [word for word in _split(words) if not fold(word)]
    if broken:
        raise ValueError(f"takes single words of letters, and not {', '.join(broken)[:60]!r}")
    return words


class ConsentSettings(BaseModel):
    """Consent."""

    require_consent: Annotated[str, AfterValidator(are_categories)] = Field(
        "",
        validation_alias=named("MESSAGING_REQUIRE_CONSENT"),
        description="Categories whose texts need an opt-in on record: marketing, transactional.",
    )
    keyword_languages: Annotated[str, AfterValidator(_are_known)] = Field(
        "en",
        validation_alias=named("MESSAGING_KEYWORD_LANGUAGES"),
        description="Languages whose STOP, START and HELP count beside the English ones: en,fr.",
    )
    stop_words: Annotated[str, AfterValidator(_are_single)] = Field(
        "",
        validation_alias=named("MESSAGING_STOP_WORDS"),
        description="Further words that opt out as STOP does, with commas between.",
    )
    keyword_replies: Replies = Field(
        Replies.TWILIO,
        validation_alias=named("MESSAGING_KEYWORD_REPLIES"),
        description="Who answers keywords: twilio, or ours, where Twilio's own answers are off.",
    )
    stop_reply: str = Field(
        "You are unsubscribed and will get no more messages. Reply START to subscribe again.",
        max_length=1600,
        validation_alias=named("MESSAGING_STOP_REPLY"),
        description="What answers STOP, with `ours`.",
    )
    start_reply: str = Field(
        "You are subscribed again. Reply STOP to unsubscribe.",
        max_length=1600,
        validation_alias=named("MESSAGING_START_REPLY"),
        description="What answers START, with `ours`.",
    )
    help_reply: str = Field(
        "Reply STOP to unsubscribe. Message and data rates may apply.",
        max_length=1600,
        validation_alias=named("MESSAGING_HELP_REPLY"),
        description="What answers HELP, with `ours`.",
    )

    missed_texts_minutes: int = Field(
        5,
        ge=0,
        le=1440,
        validation_alias=named("MESSAGING_MISSED_TEXTS_MINUTES"),
        description="How often Twilio's list is read for texts to us whose webhook never came; "
        "0 for never.",
    )

    @cached_property
    def with_consent(self) -> frozenset[Category]:
        """The categories whose texts need an opt-in on record."""
        return categories_in(self.require_consent)

    @property
    def missed_texts_every(self) -> timedelta | None:
        """How often missed texts are looked for; None where they are not."""
        minutes = self.missed_texts_minutes
        return timedelta(minutes=minutes) if minutes else None

    @property
    def keywords(self) -> Keywords:
        """The keywords that count here."""
        return Keywords(_split(self.keyword_languages), _split(self.stop_words))

    @property
    def replies(self) -> Mapping[Word, str]:
        """What answers each keyword, with `ours`."""
        return {
            Word.STOP: self.stop_reply,
            Word.START: self.start_reply,
            Word.HELP: self.help_reply,
        }
