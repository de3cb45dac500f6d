"""`messaging consent`: whether a number may be texted, how that is known, and what changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from messaging import optout, runtime
from messaging.commands import moments
from messaging.commands.database import answering, database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.consent import CATEGORIES, Consent, last_word
from messaging.domain.phone import mask, normalise
from messaging.domain.wording import count, hide_numbers, plain
from messaging.errors import Refused
from messaging.explanation.line import Tell
from messaging.postgres import consent, erasure, figures
from messaging.postgres.consent import Chapter
from messaging.postgres.erasure import ErasedSaying
from messaging.settings import load
from messaging.steps.standing import standings

LONGEST_PROOF = 500
"""Characters."""
_SAID = {Consent.OPTED_IN: "opted in", Consent.OPTED_OUT: "opted out", None: "said nothing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that is known: a row of the ledger, or a text to us."""

    at: datetime
    what: str
    category: str | None
    source: str | None
    evidence: Mapping[str, object]
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What `show --json` prints; `standing` is what counts now, by category."""

    phone: str
    standing: Mapping[str, Consent | None]
    chapters: Sequence[Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a change prints; `ended` is how many texts were withdrawn."""

    phone: str
    state: Consent
    category: str
    ended: int = 0


def show(screen: Screen, number: str, *, full: bool) -> ExitCode:
    """Tells a number's consent as a story. Raises Refused."""
    settings = load()
    phone = normalise(number, settings.default_region)
    with database(settings) as conn:
        chapters = consent.story(conn, phone)
        said = standings(conn, [phone], settings.keyring).get(phone, ())
        kept = erasure.sayings(conn, settings.keyring.whoms(phone))
        now = figures.versions(conn).clock
    value = Story(
        phone=phone if full else mask(phone),
        standing={category: last_word(said, category) for category in CATEGORIES},
        chapters=[
            *(_erased(one) for one in kept),
            *(_told(chapter, full=full) for chapter in chapters),
        ],
    )
    if not value.chapters:
        screen.show(value, Text("Nothing is known of this number's consent.", "dim"))
        return ExitCode.OK
    screen.show(value, "", _heading(value), "", _table(value, moments.local(now)), "")
    return ExitCode.OK


def opt_out(screen: Screen, number: str, note: str, by: str | None) -> ExitCode:
    """Carries a STOP out that was said elsewhere. Raises Refused."""
    settings = load()
    phone, evidence = normalise(number, settings.default_region), proof(note)
    rt = runtime.build(settings)
    try:
        with answering(settings.database_url.get_secret_value()):
            optout.begin(rt, phone, "operator", evidence, name_of(by))
            ended = optout.carry_out(rt, phone)
    finally:
        rt.close()
    what = Recorded(phone=mask(phone), state=Consent.OPTED_OUT, category="all", ended=ended)
    screen.show(what)
    screen.good(f"{mask(phone)} is opted out; {count(ended, 'waiting text')} withdrawn.")
    return ExitCode.OK


def opt_in(screen: Screen, number: str, note: str, category: str, by: str | None) -> ExitCode:
    """Records a yes. Raises Refused."""
    settings = load()
    phone, evidence = normalise(number, settings.default_region), proof(note)
    with database(settings) as conn:
        consent.record(
            conn,
            phone,
            Consent.OPTED_IN,
            source="operator",
            evidence=evidence,
            category=known(category),
            by=name_of(by),
        )
    screen.show(Recorded(phone=mask(phone), state=Consent.OPTED_IN, category=category))
    screen.good(f"{mask(phone)} is opted in: {category}.")
    return ExitCode.OK


def proof(note: str) -> dict[str, str]:
    """The evidence that somebody wrote. Raises Refused where it is none."""
    written = note.strip()
    if not 1 <= len(written) <= LONGEST_PROOF:
        raise Refused(
            f"Say how you know, in 1 to {LONGEST_PROOF} characters: --evidence 'called us, ticket "
            "4711'."
        )
    return {"note": written}


def known(category: str) -> str:
    """The category. Raises Refused where there is none such."""
    if category not in CATEGORIES:
        raise Refused(f"There is no category {plain(category)[:40]!r}: {', '.join(CATEGORIES)}.")
    return category


def _told(chapter: Chapter, *, full: bool) -> Told:
    evidence = json.loads(chapter.evidence if full else hide_numbers(chapter.evidence))
    what = str(chapter.state or f"text: {chapter.source or 'no keyword'}")
    return Told(
        at=chapter.at,
        what=what,
        category=chapter.category,
        source=chapter.source if chapter.kind == "consent" else None,
        evidence=evidence,
        by=chapter.by,
    )


def _erased(saying: ErasedSaying) -> Told:
    return Told(
        at=saying.since,
        what=saying.state,
        category=saying.category,
        source="erased",
        evidence={},
        by=None,
    )


def _heading(story: Story) -> Text:
    words = [f"{name}: {_SAID[state]}" for name, state in story.standing.items()]
    return Text(f"{story.phone}   {', '.join(words)}", "bold")


def _table(story: Story, tell: Tell) -> Table:
    table = columns("when", "what", "about", "source", "evidence", "by")
    for one in story.chapters:
        evidence = ", ".join(f"{name}: {value}" for name, value in one.evidence.items())
        table.add_row(
            Text(tell(one.at)),
            Text(plain(one.what.replace("_", " "))),
            Text(one.category or ""),
            Text(one.source or ""),
            Text(plain(evidence)),
            Text(plain(one.by or "")),
        )
    return table
