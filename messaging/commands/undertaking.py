"""`messaging dead replay` and `dead discard`: what is done about dead letters, on record."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.commands.which import Given, chosen, named
from messaging.domain.dead import Fate, Filter, shown_reason
from messaging.domain.job import JobId
from messaging.domain.wording import count, plain
from messaging.errors import Refused
from messaging.postgres import dead, figures
from messaging.postgres.dead import Ended
from messaging.postgres.jobs import Postgres
from messaging.settings import load

BATCH = 500
"""Messages of one statement, which are committed together."""

_SAID: Mapping[Fate, str] = {
    Fate.REPLAYED: "It is sent again as {new_id}.",
    Fate.REPLAYABLE: "It can be replayed.",
    Fate.PUT_BACK: "It is back in its queue, and is read again within seconds.",
    Fate.DISCARDED: "It is no dead letter any more.",
    Fate.DISCARDABLE: "It can be discarded.",
    Fate.NOT_FOUND: "There is none.",
    Fate.HELD: "It is held: decide with `messaging resolve {id}`.",
    Fate.IN_DOUBT: "Twilio is still being asked whether it has it: wait for that, or decide with "
    "`messaging resolve {id}`.",
    Fate.SENT: "Twilio has it: it is not sent again.",
    Fate.PAST_DEADLINE: "Its time is over: hand over a new message if it is still wanted.",
    Fate.NOT_FAILED: "It did not fail.",
    Fate.NOT_ENDED: "It is still on its way.",
    Fate.MAY_BE_OUT: "Its text may be out: the journal does not prove that Twilio did not take "
    "it. `messaging explain {id}` tells what happened. Look the number up in Twilio's console, and "
    "hand over a new message if the text is not there.",
    Fate.REPLAY_MAY_BE_OUT: "It was replayed as {new_id}, of which a text is out or may go out.",
    Fate.REPLAYED_BEFORE: "It was replayed as {new_id}, which did not go out either: replay that "
    "one, or add --again.",
    Fate.DISCARDED_BEFORE: "It was replayed or discarded before.",
    Fate.REFUSED: "It cannot become a message: {reason}",
    Fate.UNUSABLE: "It carries no whole message that a queue could take: discard it once you have "
    "seen it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed: ids or a filter."""

    ids: Sequence[str]
    given: Given
    limit: int
    dry_run: bool
    by: str | None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one, as `--json` prints it."""

    id: JobId | None
    entry: int | None
    result: str
    new_id: JobId | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What `--json` prints: `done` and `left` count."""

    dry_run: bool
    done: int
    left: int
    letters: Sequence[Told]


def replay(screen: Screen, options: Options) -> ExitCode:
    """Sends again what may be, and says of the rest why not. Raises Refused."""
    by = name_of(options.by)
    with database(load()) as conn:
        wanted = _wanted(conn, options)
        ended = [
            one
            for batch in _batches([each.id for each in wanted if each.id])
            for one in dead.replay(conn, batch, by, again=options.again, dry_run=options.dry_run)
        ]
        ended += [
            dead.put_back(conn, each.msg_id, by, dry_run=options.dry_run)
            for each in wanted
            if each.msg_id is not None
        ]
    return _tell(screen, ended, options)


def discard(screen: Screen, options: Options) -> ExitCode:
    """Takes them from the list, and says of the rest why not. Raises Refused."""
    by = name_of(options.by)
    with database(load()) as conn:
        wanted = _wanted(conn, options)
        ended = dead.discard(
            conn,
            [each.id for each in wanted if each.id],
            [each.msg_id for each in wanted if each.msg_id is not None],
            by,
            dry_run=options.dry_run,
        )
    return _tell(screen, ended, options)


def verdict(conn: Postgres, wanted: Filter) -> Ended:
    """What a replay of the one that is named would come to."""
    if wanted.msg_id is not None:
        return dead.put_back(conn, wanted.msg_id, None, dry_run=True)
    ids = [wanted.id] if wanted.id else []
    (answer,) = dead.replay(conn, ids, None, again=False, dry_run=True)
    return answer


def sentence(ended: Ended) -> str:
    """What became of it, and what to do next."""
    return _SAID[ended.result].format(
        id=ended.id, new_id=ended.new_id, reason=shown_reason(ended.reason)
    )


def _wanted(conn: Postgres, options: Options) -> list[Filter]:
    """Those that were named, or those that the filter finds."""
    if options.ids and not options.given.is_empty:
        raise Refused("Give ids or a filter, not both.")
    if options.ids:
        return [named(id) for id in dict.fromkeys(options.ids)]
    if options.given.is_empty:
        raise Refused(
            "Say which: give ids, or a filter such as --status failed. `messaging dead list` with "
            "the same filter shows them."
        )
    wanted = chosen(options.given, figures.versions(conn).clock)
    found = dead.find(conn, wanted, options.limit)
    return [Filter(id=row.id, msg_id=row.msg_id) for row in found]


def _batches(ids: Sequence[JobId]) -> Iterator[Sequence[JobId]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _tell(screen: Screen, ended: Sequence[Ended], options: Options) -> ExitCode:
    results = Counter(one.result.is_done for one in ended)
    done, left = results[True], results[False]
    told = [
        Told(
            id=one.id,
            entry=one.msg_id,
            result=one.result,
            new_id=one.new_id,
            said=sentence(one),
        )
        for one in ended
    ]
    value = Result(dry_run=options.dry_run, done=done, left=left, letters=told)
    if told:
        screen.show(value, "", _table(told), "")
    else:
        screen.show(value, "")
    would = "would be dealt with" if options.dry_run else "dealt with"
    counted = f"{count(done, 'dead letter')} {would}, {left:,} left as they are."
    if left:
        screen.bad(counted)
        return ExitCode.UNSUCCESSFUL
    screen.good(counted)
    return ExitCode.OK


def _table(told: Sequence[Told]) -> Table:
    table = columns("message or entry", "result", "")
    for one in told:
        table.add_row(
            Text(str(one.id or one.entry), "bold"),
            Text(one.result.replace("_", " ")),
            Text(plain(one.said)),
        )
    return table
