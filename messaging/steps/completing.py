"""Completes texts that are the first to their number with the opt-out line.

Last thing before they are handed out: what is known of the number is as true as it can be, and
nobody has counted the text against a limit or a cap yet, nor claimed it.
"""

from collections.abc import Sequence
from dataclasses import replace

from messaging import events
from messaging.domain.entries import Hint
from messaging.domain.job import JobId
from messaging.domain.opt_out_line import Completed, FirstText, completed
from messaging.errors import Refused
from messaging.postgres import opting_out
from messaging.runtime import Runtime


def complete(rt: Runtime, ready: Sequence[Hint], candidates: set[JobId]) -> list[Hint]:
    """These jobs as they may be handed out now, without those that the line does not fit into.

    `candidates` are those that may need the line. A text that is under way with it does not count
    yet: of two to one number at the same time both have the line, and never neither.
    """
    wanted = [hint.job_id for hint in ready if hint.job_id in candidates] if candidates else []
    if not wanted:
        return list(ready)
    with rt.db.connection() as conn:
        texts = opting_out.first_texts(conn, wanted)
    done = {text.id: _completed(rt, text, line) for text in texts if (line := _line(rt, text))}
    fitting = [one for one in done.values() if one]
    if fitting:
        with rt.db.connection() as conn:
            opting_out.add_lines(conn, fitting)
    segments = {one.id: one.segments for one in fitting} if rt.settings.counts_segments else {}
    refused = {id for id, one in done.items() if one is None}
    return [
        replace(hint, segments=segments.get(hint.job_id, hint.segments))
        for hint in ready
        if hint.job_id not in refused
    ]


def _line(rt: Runtime, text: FirstText) -> str | None:
    return rt.settings.lines.of(text)


def _completed(rt: Runtime, text: FirstText, line: str) -> Completed | None:
    """None where there is no room for the line, and the text has failed for that."""
    try:
        return completed(text, line)
    except Refused as refusal:
        reason = str(refusal)
    with rt.db.connection() as conn:
        if opting_out.refuse(conn, text.id, reason):
            events.job_failed(job_id=text.id, attempt=0, reason=reason, code=None)
    return None
