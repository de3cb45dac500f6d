"""Receipts: signed status callbacks that the web process checks, records and answers."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from messaging.errors import Unreachable
from messaging.local.bench import processor, texts
from messaging.local.bench.figures import Figure, Sample, Samples
from messaging.local.bench.site import Site
from messaging.local.listening import is_healthy
from messaging.local.loops import fast_loop
from messaging.local.ports import LOOPBACK
from messaging.local.processes import WEB
from messaging.local.simulator import overrides
from messaging.local.simulator.config import DEFAULT_ACCOUNT_SID, DEFAULT_AUTH_TOKEN
from messaging.local.simulator.forms import encode
from messaging.local.simulator.parcels import Origin, Outcome, Parcel
from messaging.local.simulator.poster import Poster
from messaging.local.simulator.signature import sign

_CONNECTIONS = 64
_LIMIT = 60.0
_WARM_UP = 200

_STORE = """
insert into public.message_jobs
  (recipient_phone, message_content, status, attempt, twilio_sid, delivery_status, prepared_at,
  sent_at)
select
  phone, 'Sent before', 'sent', 1, 'SM' || md5(gen_random_uuid()::text), 'sent', now(), now()
from unnest(%s::text[]) as phone
returning id, twilio_sid
"""
_MISSING = """
select count(*)
from public.message_jobs
where id = any(%s) and delivery_status <> 'delivered'
"""


def start_web(site: Site) -> None:
    """Start the web process, and return when it answers."""
    url = f"http://{LOOPBACK}:{site.web_port}"
    site.start_command(WEB, PORT=str(site.web_port), PUBLIC_BASE_URL=url)
    site.wait_until(lambda: is_healthy(site.web_port, "/readyz"), _LIMIT, "the web process answers")


def measure(site: Site, runs: int, count: int) -> list[Figure]:
    """Each callback is the only one for its text and moves it from sent to delivered.

    Raises Unreachable where one of them is not recorded.
    """
    _post(site, min(count, _WARM_UP))
    return Samples(ours=[_post(site, count) for _ in range(runs)]).figures("receipts", "callback")


def _post(site: Site, count: int) -> Sample:
    conn = site.connect("messaging")
    rows = conn.execute(_STORE, [[texts.recipient(n) for n in range(count)]]).fetchall()
    parcels = [_parcel(site.web_port, id, sid) for id, sid in rows]
    pids = site.pids(WEB.name)
    before = processor.used(pids)
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        seconds = runner.run(_send(parcels))
    spent = processor.used(pids) - before
    row = conn.execute(_MISSING, [[id for id, _ in rows]]).fetchone()
    if row is None or row[0]:
        raise Unreachable(f"{row[0] if row else count} callbacks of {count} were not recorded.")
    return Sample(rate=count / seconds, cpu=spent * 1000 / count)


async def _send(parcels: Sequence[Parcel]) -> float:
    """Post all over a few connections; the seconds until the last one is answered."""
    poster = Poster(asyncio.get_running_loop(), connections=_CONNECTIONS)
    ended = asyncio.Semaphore(0)

    def count_one(_: Outcome) -> None:
        ended.release()

    began = time.perf_counter()
    for parcel in parcels:
        parcel.on_end = count_one
        poster.send(parcel)
    for _ in parcels:
        await ended.acquire()
    seconds = time.perf_counter() - began
    poster.close()
    return seconds


def _parcel(port: int, id: UUID, sid: str) -> Parcel:
    """A callback as Twilio writes it, signed beforehand."""
    target = f"/api/twilio/status?job={id}&attempt=1"
    fields = _fields(sid)
    content = encode(fields)
    signature = sign(DEFAULT_AUTH_TOKEN, f"http://{LOOPBACK}:{port}{target}", fields)
    request = (
        f"POST {target} HTTP/1.1\r\n"
        f"Host: {LOOPBACK}:{port}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"Content-Length: {len(content)}\r\n"
        f"X-Twilio-Signature: {signature}\r\n\r\n{content}"
    )
    return Parcel(
        origin=Origin(host=LOOPBACK, port=port, secure=False),
        request=request.encode(),
        overrides=overrides.read(""),
        on_end=None,
    )


def _fields(sid: str) -> list[tuple[str, str]]:
    return [
        ("AccountSid", DEFAULT_ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("From", "+15005550006"),
        ("MessageSid", sid),
        ("MessageStatus", "delivered"),
        ("RawDlrDoneDate", "2611241344"),
        ("SmsSid", sid),
        ("SmsStatus", "delivered"),
        ("To", texts.recipient(0)),
    ]
