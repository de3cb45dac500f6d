"""Growth: sending, and the latency of single texts, with few rows in the table and with many."""

from collections.abc import Callable

from messaging.local.bench import filling, latency, sending
from messaging.local.bench.figures import Figure, Samples
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site

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


def measure(site: Site, options: BenchOptions, say: Callable[[str], None]) -> list[Figure]:
    """Each figure with the rows that are sent for it, with many more, and the second to the first.

    The service starts for this, and goes on while its table is filled.
    """
    ours = Grown(site)
    sending.send(site, ours, options.messages)
    few = _measure(site, ours, options, say, _FEW)
    say(f"growth: filling the table with {options.rows:,} rows")
    filling.fill(site, options.rows)
    rows = f"{options.rows:,} rows"
    many = _measure(site, ours, options, say, rows)
    pairs = zip(few, many, strict=True)
    return [figure for pair in pairs for figure in compared(*pair, rows)]


def compared(few: Figure, many: Figure, rows: str) -> list[Figure]:
    """Both, named by their rows, and how many per cent of the first the second is."""
    return [few.under(_FEW), many.under(rows), many.share_of(few, f"{rows} to few")]


def _measure(
    site: Site, ours: Grown, options: BenchOptions, say: Callable[[str], None], rows: str
) -> list[Figure]:
    # What the table was filled with is written out before. After a checkpoint, Postgres logs each
    # page whole when it first changes: with few rows and with many alike.
    site.connect("messaging").execute("checkpoint")
    sending.warm_up(site, ours, options.messages)
    runs = [sending.send(site, ours, options.messages) for _ in range(options.runs)]
    sent = Samples(ours=runs).figures("growth", "message")
    say(f"growth, {rows}: {sent[0].median:,.0f}/s")
    lags = latency.lags(site, ours, min(options.messages, _SINGLES), f"A text beside {rows}")
    say(f"growth, {rows}: {latency.told(lags)}")
    return [*sent, *latency.figures("to the request", lags, part="growth")]
