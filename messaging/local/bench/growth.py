"""Growth: sending, and the latency of a text, with few rows in the table and with many, in turn."""

from collections.abc import Callable

from messaging.local.bench import filling, latency, sending
from messaging.local.bench.figures import Figure
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site

_PART = "growth"
_FEW = "few rows"
_SINGLES = 1500
"""Texts, one at a time. Of a hundred, p99 is the second slowest, of five hundred the fifth:
chance moved it by a quarter, and by a fifth."""
_IS_DONE = """
select
  not exists (
    select from public.message_jobs
    where status in ('pending', 'processing', 'retrying', 'in_doubt')
      and due_at < now() + interval '1 day'
  )
  and not exists (select from public.message_jobs where status = 'failed')
"""


class Grown(Ours):
    """The service, which knows that it is done although others of its rows wait for long."""

    def is_done(self) -> bool:
        """Whether no text is left that was to be sent at once. By indexes: looking is cheap."""
        return bool(self._number(_IS_DONE))


def measure(
    few: Site, many: Site, options: BenchOptions, say: Callable[[str], None]
) -> list[Figure]:
    """Each figure with the rows that are sent for it, with many more, and the second to the first.

    Both take turns, so that whatever else the machine does hits both. The services start for this,
    and the second goes on while its table is filled.
    """
    rows = f"{options.rows:,} rows"
    places = {_FEW: (few, Grown(few)), rows: (many, Grown(many))}
    for site, ours in places.values():
        sending.send(site, ours, options.messages)
    say(f"{_PART}: filling the table with {rows}")
    filling.fill(many, options.rows)
    for site, ours in places.values():
        # What the table was filled with is written out before. After a checkpoint, Postgres logs
        # each page whole when it first changes: with few rows and with many alike.
        site.connect("messaging").execute("checkpoint")
        sending.warm_up(site, ours, options.messages)
    samples = sending.in_turn(places, options, _PART, say)
    singles = latency.in_turn(list(places.values()), min(options.messages, _SINGLES), "A text")
    for name, lags in zip(places, singles, strict=True):
        say(f"{_PART}, {name}: {latency.told(lags)}")
    one, other = (
        [*runs.figures(_PART, "message"), *latency.figures("to the request", lags, part=_PART)]
        for runs, lags in zip(samples, singles, strict=True)
    )
    return [figure for pair in zip(one, other, strict=True) for figure in compared(*pair, rows)]


def compared(few: Figure, many: Figure, rows: str) -> list[Figure]:
    """Both, named by their rows, and how many per cent of the first the second is."""
    return [few.under(_FEW), many.under(rows), many.share_of(few, f"{rows} to few")]
