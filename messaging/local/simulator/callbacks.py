"""Status callbacks: what is reported to the caller's webhook, and how reporting goes wrong."""

from datetime import UTC, datetime

from messaging.local.simulator import webhook
from messaging.local.simulator.exchange import Exchange, Post
from messaging.local.simulator.message import API_VERSION, FINAL, Message, subject
from messaging.local.simulator.rules import Kind, Moment, Rule


def report(exchange: Exchange, message: Message) -> None:
    """Post the message's new status to its callback URL, if it has one."""
    if not message.status_callback or message.status not in exchange.config.reported:
        return
    post = _poster(exchange, message)
    withheld = exchange.withheld.pop(message.sid, None)
    rule = _rule(exchange, message)
    if rule is None:
        post(withheld)
    else:
        _misreport(exchange, message, rule, post)
        if withheld:
            withheld(None)


def _poster(exchange: Exchange, message: Message) -> Post:
    """Posts the status as it is now, whenever it is called."""
    url = message.status_callback or ""
    fields = _fields(message, exchange.config.account_sid)

    def post(then: Post | None) -> None:
        webhook.post(exchange, url, fields, on_end=(lambda _: then(None)) if then else None)

    return post


def _rule(exchange: Exchange, message: Message) -> Rule | None:
    if not exchange.faults.any_for(Moment.CALLBACK):
        return None
    return exchange.faults.draw(Moment.CALLBACK, subject(message, message.status))


def _misreport(exchange: Exchange, message: Message, rule: Rule, post: Post) -> None:
    delay = rule.delay_ms / 1000
    match rule.kind:
        case Kind.CALLBACK_LOST:
            pass
        case Kind.CALLBACK_DOUBLED:
            post(None)
            post(None)
        case Kind.CALLBACK_REORDERED if message.status not in FINAL:
            exchange.withheld[message.sid] = post
            exchange.loop.call_later(delay, _post_withheld, exchange, message.sid, post)
        case Kind.CALLBACK_DELAYED:
            exchange.loop.call_later(delay, post, None)
        case _:
            # The last callback of a message has none after it to change places with.
            post(None)


def _post_withheld(exchange: Exchange, sid: str, post: Post) -> None:
    """Post what waited for a later callback, which has not come."""
    if exchange.withheld.get(sid) is post:
        del exchange.withheld[sid]
        post(None)


def _fields(message: Message, account_sid: str) -> list[tuple[str, str]]:
    """The fields that Twilio documents for SMS, in no order that means anything."""
    fields = [
        ("AccountSid", account_sid),
        ("ApiVersion", API_VERSION),
        ("From", message.sender or ""),
        ("MessageSid", message.sid),
        ("MessageStatus", message.status),
        ("SmsSid", message.sid),
        ("SmsStatus", message.status),
        ("To", message.to),
    ]
    if message.service:
        fields.append(("MessagingServiceSid", message.service))
    if message.error_code:
        fields.append(("ErrorCode", str(message.error_code)))
    if message.status in ("delivered", "undelivered"):
        done = datetime.fromtimestamp(message.updated_at, UTC)
        fields.append(("RawDlrDoneDate", done.strftime("%y%m%d%H%M")))
    return fields
